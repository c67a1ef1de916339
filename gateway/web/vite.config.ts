import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  base: "./", // the page may be served below a path
  build: {
    target: "es2022",
    assetsInlineLimit: 0, // the content policy allows no data: URLs
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  server: { proxy: { "/v1": "http://127.0.0.1:8000" } }, // `npx vite` beside `make serve`
});
