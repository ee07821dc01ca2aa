// @vitest-environment node
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";

/** From what is imported by all to what imports all; a folder's files may import those of the folders before it. */
const FOLDERS = ["protocol", "options", "state", "chat", "markdown", "widgets", "text", "view", "."];

const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((file) => /\.tsx?$/.test(file) && !file.endsWith(".d.ts"));

/** What a file imports of ours, types included: who needs another's type is in its hands as well. */
const importsOf = new Map(
  files.map((file) => {
    const targets = readFileSync(join("src", file), "utf8").matchAll(/from "(\.[^"]*)"/g);
    return [file, [...targets].map(([, target]) => fileOf(join(dirname(file), target as string))).filter((name) => name !== null)];
  }),
);

function fileOf(path: string): string | null {
  return files.find((file) => file === `${path}.ts` || file === `${path}.tsx`) ?? null;
}

/** The files of a circle that a file is in, or null. */
function circleFrom(start: string): string[] | null {
  const paths = [[start]];
  const seen = new Set<string>();
  for (let path = paths.pop(); path; path = paths.pop()) {
    for (const next of importsOf.get(path.at(-1) as string) ?? []) {
      if (next === start) return [...path, next];
      if (!seen.has(next)) paths.push([...path, next]);
      seen.add(next);
    }
  }
  return null;
}

describe("imports", () => {
  test("are found", () => {
    expect(importsOf.get("chat/conversation.ts")).toContain("chat/current-turn.ts");
  });

  test("make no circle", () => {
    expect(files.map(circleFrom).filter((circle) => circle !== null)).toEqual([]);
  });

  test("go in one direction", () => {
    // A folder in a folder is a part of it.
    const rank = (file: string) => FOLDERS.indexOf(dirname(file).split("/")[0] as string);
    const against = [...importsOf].flatMap(([file, targets]) =>
      targets.filter((target) => rank(target) > rank(file)).map((target) => `${file} → ${target}`),
    );
    expect(against).toEqual([]);
  });
});
