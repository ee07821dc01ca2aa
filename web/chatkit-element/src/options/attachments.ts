/** Which files may be attached: `composer.attachments` of the published options, and its defaults. */

import type { ChatKitOptions } from "@openai/chatkit";

const SIZE_BYTES_MAX = 100 * 1024 * 1024;
const COUNT_MAX = 10;

export interface AttachmentRules {
  sizeBytesMax: number | Readonly<Record<string, number>>;
  countMax: number;
  /** MIME patterns with file extensions; null: every file. */
  accept: Readonly<Record<string, readonly string[]>> | null;
}

/** Why a file is not taken, and what would be. */
export interface Refusal {
  code: "empty" | "too_large" | "kind" | "too_many" | "folder";
  name: string;
  /** Bytes, or the number of files. */
  limit: number;
}

/** Null where attachments are off. */
export function attachmentRules(composer: ChatKitOptions["composer"]): AttachmentRules | null {
  const { enabled, maxSize, maxCount, accept } = composer?.attachments ?? {};
  if (!enabled) return null;
  return { sizeBytesMax: maxSize ?? SIZE_BYTES_MAX, countMax: maxCount ?? COUNT_MAX, accept: accept ?? null };
}

/** What `<input type="file">` is told. */
export function acceptAttribute({ accept }: AttachmentRules): string | undefined {
  return accept ? Object.entries(accept).flatMap(([pattern, extensions]) => [pattern, ...extensions]).join(",") : undefined;
}

/** @param count files that are attached already. */
export function refusalOf(file: Pick<File, "name" | "type" | "size">, rules: AttachmentRules, count: number): Refusal | null {
  const refused = (code: Refusal["code"], limit = 0): Refusal => ({ code, name: file.name, limit });
  if (!isAccepted(file, rules.accept)) return refused("kind");
  if (file.size === 0) return refused("empty");
  const limit = sizeLimit(mimeTypeOf(file, rules), rules.sizeBytesMax);
  if (file.size > limit) return refused("too_large", limit);
  return count >= rules.countMax ? refused("too_many", rules.countMax) : null;
}

/** The browser's word, else what the page's options say of the extension: some systems know no type of a `.md`. */
export function mimeTypeOf(file: Pick<File, "name" | "type">, { accept }: AttachmentRules): string {
  const known = file.type.split(";", 1)[0]?.trim().toLowerCase();
  if (known) return known;
  const ofExtension = Object.entries(accept ?? {}).find(([pattern, extensions]) => !pattern.includes("*") && hasExtension(file.name, extensions));
  return ofExtension?.[0] ?? "application/octet-stream";
}

function isAccepted(file: Pick<File, "name" | "type">, accept: AttachmentRules["accept"]): boolean {
  if (accept === null) return true;
  return Object.entries(accept).some(([pattern, extensions]) => matches(file.type, pattern) || hasExtension(file.name, extensions));
}

function matches(type: string, pattern: string): boolean {
  const wanted = pattern.toLowerCase();
  if (wanted === "*/*" || wanted === "*") return true;
  const given = type.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return wanted.endsWith("/*") ? given.startsWith(wanted.slice(0, -1)) : given === wanted;
}

function hasExtension(name: string, extensions: readonly string[]): boolean {
  return extensions.some((extension) => name.toLowerCase().endsWith(extension.toLowerCase()));
}

/** The most specific pattern counts: the type itself, then `image/*`, then `*` or "". */
function sizeLimit(type: string, limits: AttachmentRules["sizeBytesMax"]): number {
  if (typeof limits === "number") return limits;
  const kind = `${type.split("/", 1)[0]}/*`;
  return limits[type] ?? limits[kind] ?? limits["*"] ?? limits["*/*"] ?? limits[""] ?? SIZE_BYTES_MAX;
}
