import { fileURLToPath, URL } from "url";
import { defineConfig } from "vite";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const server = "./node_modules/react-dom/cjs/react-dom-server-legacy.browser.production.js";

export default defineConfig({
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "error",
  publicDir: false,
  build: {
    outDir: "build/drawing",
    target: "es2022",
    lib: { entry: here("./draw.jsx"), formats: ["iife"], name: "drawing", fileName: () => "draw.js" },
  },
  resolve: {
    alias: [
      { find: "react-dom/server", replacement: here(server) },
      { find: "@emotion/react", replacement: here("./utils/elements.js") },
      { find: "$", replacement: here("./") },
      { find: "@", replacement: here("./public") },
    ],
  },
});
