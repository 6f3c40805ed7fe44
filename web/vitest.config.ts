import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["{client,playground}/tests/**/*.test.{ts,tsx}"] },
});
