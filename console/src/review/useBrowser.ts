// What the browser tells the queue: that somebody is there, that the page goes or comes back, that
// there is a connection.

import { useEffect } from "react";

import { TEXTS } from "../shared/texts";
import { keyOf } from "./keys/keys";
import type { TaskQueue } from "./queue/queue";

export function useBrowser(queue: TaskQueue, waiting: number): void {
  useEffect(() => {
    const events = ["pointerdown", "keydown", "wheel"] as const;
    for (const event of events) window.addEventListener(event, queue.touch, { passive: true });
    return () => {
      for (const event of events) window.removeEventListener(event, queue.touch);
    };
  }, [queue]);

  useEffect(() => {
    const leave = () => queue.leave();
    const returned = (event: PageTransitionEvent) => {
      if (event.persisted) queue.comeBackToPage();
    };
    window.addEventListener("online", queue.online);
    window.addEventListener("pagehide", leave);
    window.addEventListener("pageshow", returned);
    return () => {
      window.removeEventListener("online", queue.online);
      window.removeEventListener("pagehide", leave);
      window.removeEventListener("pageshow", returned);
    };
  }, [queue]);

  useEffect(() => holdBack(() => queue.say("info", TEXTS.backAgain(keyOf("undo")))), [queue]);

  useEffect(() => {
    if (waiting === 0) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [waiting]);
}

/** Let the browser's way back be asked for twice, since it leads out of the page. */
function holdBack(onBack: () => void): () => void {
  const there = () => (history.state as { here?: boolean } | null)?.here === true;
  const stay = () => {
    if (!there()) history.pushState({ here: true }, "");
  };
  const back = () => {
    if (!there()) onBack();
  };
  window.addEventListener("keydown", stay);
  window.addEventListener("pointerdown", stay);
  window.addEventListener("popstate", back);
  return () => {
    window.removeEventListener("keydown", stay);
    window.removeEventListener("pointerdown", stay);
    window.removeEventListener("popstate", back);
  };
}
