import "./styles/base.css";
import "./styles/parts.css";
import "./styles/layout.css";
import "./styles/options.css";
import "./styles/photo.css";
import "./styles/batch.css";
import "./i18n";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { Fallback } from "./app/Fallback";
import { applyTheme } from "./app/theme";

applyTheme();
const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <Fallback>
        <App />
      </Fallback>
    </StrictMode>,
  );
}
