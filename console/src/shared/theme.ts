// Light or dark: as the device is, unless the person chose.

import { applyMode, Mode } from "@cloudscape-design/global-styles";

export type Theme = "auto" | "light" | "dark";

const KEPT = "labelloop.theme";
const DARK = matchMedia("(prefers-color-scheme: dark)");

export function chosenTheme(): Theme {
  const kept = localStorage.getItem(KEPT);
  return kept === "light" || kept === "dark" ? kept : "auto";
}

export function chooseTheme(theme: Theme): void {
  if (theme === "auto") localStorage.removeItem(KEPT);
  else localStorage.setItem(KEPT, theme);
  apply();
}

function apply(): void {
  const theme = chosenTheme();
  const dark = theme === "dark" || (theme === "auto" && DARK.matches);
  applyMode(dark ? Mode.Dark : Mode.Light);
  document.documentElement.style.colorScheme = dark ? "dark" : "light";
}

export function followTheme(): void {
  apply();
  DARK.addEventListener("change", apply);
}
