import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { licenses } from "./licenses.ts";

// Addresses are relative, so that the page also works where the application is mounted in another.
export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  plugins: [react(), licenses()],
  build: {
    outDir: process.env.FLAMBEAU_PAGE ?? "../../src/flambeau/serve/_page",
    emptyOutDir: true,
    // Nothing inline: the page's content security policy allows files of this server only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: {
    proxy: Object.fromEntries(
      ["/openapi.json", "/models", "/predict", "/v1", "/signin", "/signout"].map((path) => [
        path,
        process.env.FLAMBEAU_SERVER ?? "http://127.0.0.1:8000",
      ]),
    ),
  },
});
