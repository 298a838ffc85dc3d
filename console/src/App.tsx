// Who is here, and what that person sees: the sign-in, or the review.

import Alert from "@cloudscape-design/components/alert";
import Box from "@cloudscape-design/components/box";
import Button from "@cloudscape-design/components/button";
import SpaceBetween from "@cloudscape-design/components/space-between";
import Spinner from "@cloudscape-design/components/spinner";
import { useEffect, useState } from "react";

import { Api, Refused, SignedOut, type SessionInfo } from "./api";
import { Header } from "./Header";
import { TaskQueue } from "./queue";
import { Review } from "./Review";
import { pageBase, readConfig, SignIn, SignInFailed } from "./session";
import { TEXTS } from "./texts";

type State =
  | { at: "loading" }
  | { at: "leaving" }
  | { at: "failed"; why: string }
  | { at: "signed-out"; signIn: SignIn; why: string | null }
  | { at: "review"; signIn: SignIn; api: Api; info: SessionInfo; queue: TaskQueue };

export function App() {
  const [state, setState] = useState<State>({ at: "loading" });

  useEffect(() => {
    if (state.at === "loading") void arrive().then(setState);
  }, [state.at]);

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
            action={<Button onClick={() => setState({ at: "loading" })}>{TEXTS.again}</Button>}
          >
            {TEXTS.cannotStart(state.why)}
          </Alert>
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

async function arrive(): Promise<State> {
  try {
    return await signedIn();
  } catch (error) {
    return { at: "failed", why: error instanceof Error ? error.message : String(error) };
  }
}

async function signedIn(): Promise<State> {
  const base = pageBase();
  const signIn = new SignIn(await readConfig(base), base);
  try {
    await signIn.finish();
  } catch (error) {
    if (!(error instanceof SignInFailed)) throw error;
    return { at: "signed-out", signIn, why: TEXTS.signInFailed(error.message) };
  }
  if (!signIn.known) return { at: "signed-out", signIn, why: null };
  const api = new Api(base, signIn);
  try {
    const info = await api.session();
    const queue = new TaskQueue(api, {
      leaseS: info.lease_s,
      keptAs: `labelloop.answers.${signIn.subject}`,
    });
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
