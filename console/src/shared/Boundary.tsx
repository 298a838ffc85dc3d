// In the place of a page that has failed, as when a part of it is gone after a deployment.

import Alert from "@cloudscape-design/components/alert";
import Button from "@cloudscape-design/components/button";
import { Component, type ReactNode } from "react";

import { Header } from "./Header";
import { TEXTS } from "./texts";

export class Boundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <>
        <Header />
        <main className="door">
          <Alert type="error" action={<Button onClick={() => location.reload()}>{TEXTS.reload}</Button>}>
            {TEXTS.broken}
          </Alert>
        </main>
      </>
    );
  }
}
