import coreWebVitals from "eslint-config-next/core-web-vitals";
import typescript from "eslint-config-next/typescript";
import { defineConfig, globalIgnores } from "eslint/config";

// Imports go in one direction: app → features → components, lib. Code of the server is imported by the server only.
const boundary = (files, group, message) => ({
  files,
  rules: { "no-restricted-imports": ["error", { patterns: [{ group, message }] }] },
});

// The element is Preact and runs on any page: the rules for Next.js and for React's compiler are not for it.
const ELEMENT = "chatkit-element/**";

export default defineConfig([
  ...coreWebVitals.map((config) => (config.rules ? { ...config, ignores: [...(config.ignores ?? []), ELEMENT] } : config)),
  ...typescript,
  globalIgnores([".next/**", "chatkit-element/dist*/**", "public/**", "generated/**", "next-env.d.ts"]),
  {
    // Signing in and out loads a whole page on purpose: nothing of another session may stay in memory.
    rules: { "@next/next/no-location-assign-relative-destination": "off" },
  },
  boundary(["components/**", "lib/**"], ["@/app/*", "@/features/*", "@/server/*"], "components and lib know no feature"),
  boundary(["features/**"], ["@/app/*", "@/server/*"], "a feature runs in the browser: it knows no page and no server code"),
  boundary(["server/**"], ["@/app/*", "@/features/*", "@/components/*"], "server code knows no page"),
  {
    files: ["**/*.ts", "**/*.tsx"],
    ignores: ["server/settings.ts", "instrumentation.ts", "proxy.ts", "next.config.ts"],
    rules: {
      "no-restricted-properties": [
        "error",
        { object: "process", property: "env", message: "server/settings.ts is the only reader of the environment" },
      ],
    },
  },
]);
