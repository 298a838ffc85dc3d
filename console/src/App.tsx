// Who is here, and what that person sees: the sign-in, or the review.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Spinner from "@cloudscape-design/components/spinner";
import { useEffect, useState } from "react";

import { Api, type SessionInfo } from "./review/api";
import { TaskQueue } from "./review/queue/queue";
import { Review } from "./review/Review";
import { Header } from "./shared/Header";
import { Refused, Service, SignedOut } from "./shared/service";
import { pageBase, readConfig, SignIn, SignInFailed } from "./shared/session";
import { becomeTheOne } from "./shared/tabs";
import { TEXTS } from "./shared/texts";

type State =
  | { at: "loading"; takesOver: boolean }
  | { at: "leaving" }
  | { at: "failed"; why: string }
  | { at: "signed-out"; signIn: SignIn; why: string | null }
  | { at: "elsewhere" }
  | { at: "review"; signIn: SignIn; api: Api; info: SessionInfo; queue: TaskQueue };

export function App() {
  const [state, setState] = useState<State>({ at: "loading", takesOver: false });

  useEffect(() => {
    if (state.at === "loading") void arrive(state.takesOver, () => setState({ at: "elsewhere" })).then(setState);
  }, [state]);

  if (state.at === "review") {
    const { signIn, api, info, queue } = state;
    return (
      <Review
        api={api}
        info={info}
        queue={queue}
        onSignedOut={() => setState({ at: "signed-out", signIn, why: TEXTS.sessionEnded })}
        onSignOut={() => {
          setState({ at: "leaving" });
          void queue.releaseAll().then(() => signIn.end());
        }}
      />
    );
  }
  return (
    <>
      <Header />
      <main className="door">
        {(state.at === "loading" || state.at === "leaving") && (
          <Box textAlign="center" padding="xxl">
            <Spinner size="large" /> <span>{TEXTS.loading}</span>
          </Box>
        )}
        {state.at === "failed" && (
          <Alert
            type="error"
            action={<Button onClick={() => setState({ at: "loading", takesOver: false })}>{TEXTS.again}</Button>}
          >
            {TEXTS.cannotStart(state.why)}
          </Alert>
        )}
        {state.at === "elsewhere" && (
          <SpaceBetween size="l">
            <Box variant="h1">{TEXTS.elsewhere}</Box>
            <Box variant="p">{TEXTS.elsewhereWhy}</Box>
            <Button variant="primary" onClick={() => setState({ at: "loading", takesOver: true })}>
              {TEXTS.here}
            </Button>
          </SpaceBetween>
        )}
        {state.at === "signed-out" && (
          <SpaceBetween size="l">
            <Box variant="h1">{TEXTS.title}</Box>
            {state.why !== null && <Alert type="warning">{state.why}</Alert>}
            <Box variant="p">{TEXTS.signInWhy}</Box>
            <Button variant="primary" onClick={() => void state.signIn.begin()}>
              {TEXTS.signIn}
            </Button>
          </SpaceBetween>
        )}
      </main>
    </>
  );
}

async function arrive(takesOver: boolean, onTakenOver: () => void): Promise<State> {
  try {
    return await signedIn(takesOver, onTakenOver);
  } catch (error) {
    return { at: "failed", why: error instanceof Error ? error.message : String(error) };
  }
}

async function signedIn(takesOver: boolean, onTakenOver: () => void): Promise<State> {
  const base = pageBase();
  const signIn = new SignIn(await readConfig(base), base);
  try {
    await signIn.finish();
  } catch (error) {
    if (!(error instanceof SignInFailed)) throw error;
    return { at: "signed-out", signIn, why: TEXTS.signInFailed(error.message) };
  }
  if (!signIn.known) return { at: "signed-out", signIn, why: null };
  const api = new Api(new Service(base, signIn));
  try {
    const info = await api.session();
    const queue = new TaskQueue(api, {
      leaseS: info.lease_s,
      keptAs: `labelloop.answers.${signIn.subject}`,
    });
    const isTheOne = await becomeTheOne(`labelloop.review.${signIn.subject}`, takesOver, () => {
      queue.stop();
      onTakenOver();
    });
    if (!isTheOne) return { at: "elsewhere" };
    queue.start();
    return { at: "review", signIn, api, info, queue };
  } catch (error) {
    if (error instanceof SignedOut) return { at: "signed-out", signIn, why: TEXTS.sessionEnded };
    if (error instanceof Refused && error.status === 403) {
      return { at: "signed-out", signIn, why: TEXTS.notAllowed };
    }
    throw error;
  }
}
