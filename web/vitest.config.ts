import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{client,playground}/tests/**/*.test.{ts,tsx}"],
    // For machines that do much else: nothing takes a second on an idle one.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
