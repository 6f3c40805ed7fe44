import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Plugin } from "vite";

/** Writes licenses.txt: the licence of every package of which code is in the bundle. */
export function licenses(): Plugin {
  return {
    name: "licenses",
    apply: "build",
    generateBundle(_options, bundle) {
      const folders = new Set<string>();
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== "chunk") continue;
        for (const [id, module] of Object.entries(chunk.modules)) {
          if (module.renderedLength > 0 && id.includes("/node_modules/")) {
            folders.add(packageFolder(id));
          }
        }
      }
      const texts = [...folders].sort().map(licenseOf);
      this.emitFile({ type: "asset", fileName: "licenses.txt", source: texts.join("\n") });
    },
  };
}

function packageFolder(id: string): string {
  let folder = dirname(id.replace(/^\0/, "").replace(/\?.*$/, ""));
  // A package.json without a name only sets the module type of a subfolder.
  while (!existsSync(join(folder, "package.json")) || !packageJson(folder).name) {
    if (folder === dirname(folder)) throw new Error(`${id} belongs to no package`);
    folder = dirname(folder);
  }
  return folder;
}

function packageJson(folder: string): { name?: string; version?: string; license?: string } {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf-8")) as object;
}

function licenseOf(folder: string): string {
  const { name, version, license } = packageJson(folder);
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (!file) throw new Error(`${name} has no file with its licence`);
  const text = readFileSync(join(folder, file), "utf-8").trim();
  return `${name} ${version} (${license})\n\n${text}\n`;
}
