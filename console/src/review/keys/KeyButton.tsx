// A button that says which key presses it.

import Button, { type ButtonProps } from "@cloudscape-design/components/button";
import type { ReactNode } from "react";

import { keyOf, type Command } from "./keys";

interface Props extends Pick<ButtonProps, "variant" | "disabled" | "onClick"> {
  command: Command;
  children: ReactNode;
}

export function KeyButton({ command, children, ...rest }: Props) {
  return (
    <Button fullWidth {...rest}>
      <span className="label-content"><kbd aria-hidden="true">{keyOf(command)}</kbd> {children}</span>
    </Button>
  );
}
