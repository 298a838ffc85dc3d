import { afterEach, expect, it, vi } from "vitest";

import { Service, Unavailable } from "./service";

afterEach(() => vi.unstubAllGlobals());

it("takes an answer that is cut off on its way for none", async () => {
  vi.stubGlobal("fetch", () => Promise.resolve(new Response('{"lease_until":')));
  const service = new Service(new URL("https://page.example/"), { idToken: () => Promise.resolve("t") });

  await expect(service.ask("post", "/review/tasks/{id}/extend", { id: "t0" })).rejects.toThrow(Unavailable);
});
