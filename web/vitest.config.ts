import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { alias: { "@": import.meta.dirname } },
  test: { include: ["{server,features,lib}/**/*.test.ts"], environment: "node", testTimeout: 10_000 },
});
