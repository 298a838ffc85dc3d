import "@cloudscape-design/global-styles/dark-mode-utils.css";
import "./styles.css";

import { createRoot } from "react-dom/client";

import { App } from "./App";
import { Boundary } from "./shared/Boundary";
import { followTheme } from "./shared/theme";

followTheme();
const root = document.getElementById("root");
if (root === null) throw new Error("the page has no root");
createRoot(root).render(
  <Boundary>
    <App />
  </Boundary>,
);
