/** Which files may be attached: `composer.attachments` of the published options, and its defaults. */

import type { ChatKitOptions } from "@openai/chatkit";

const SIZE_BYTES_MAX = 100 * 1024 * 1024;
const COUNT_MAX = 10;

type Accept = Readonly<Record<string, readonly string[]>>;

export interface AttachmentRules {
  sizeBytesMax: number | Readonly<Record<string, number>>;
  countMax: number;
  /** MIME patterns with file extensions; null: every file. */
  accept: Accept | null;
  /** Of those, what the chosen model can look at; null: all of them. */
  acceptByModel: Accept | null;
}

/** By model, what it can look at, as `accept` says it: one that is not named takes all that the page accepts. */
export type ModelFiles = Readonly<Record<string, Accept>>;

/** Why a file is not taken, and what would be. */
export interface Refusal {
  code: "empty" | "too_large" | "kind" | "model" | "too_many" | "folder";
  name: string;
  /** Bytes, or the number of files. */
  limit: number;
}

/** Null where attachments are off. */
export function attachmentRules(composer: ChatKitOptions["composer"]): AttachmentRules | null {
  const { enabled, maxSize, maxCount, accept } = composer?.attachments ?? {};
  if (!enabled) return null;
  return { sizeBytesMax: maxSize ?? SIZE_BYTES_MAX, countMax: maxCount ?? COUNT_MAX, accept: accept ?? null, acceptByModel: null };
}

/** The same for a message that a model is to answer. */
export function rulesForModel(rules: AttachmentRules | null, files: ModelFiles, modelId: string | null): AttachmentRules | null {
  const acceptByModel = (modelId !== null && files[modelId]) || null;
  return rules && acceptByModel ? { ...rules, acceptByModel } : rules;
}

/** Whether a file that is attached already can go with the message: another model, or assistant, may have been chosen since. */
export function isTaken({ name, mimeType, isOwn }: { name: string; mimeType: string; isOwn: boolean }, { accept, acceptByModel }: AttachmentRules): boolean {
  if (!isOwn) return true; // the page gave it, or a message that is edited had it: it is the server's to say
  const file = { name, type: mimeType };
  return isAccepted(file, accept) && isAccepted(file, acceptByModel);
}

/** What `<input type="file">` is told. */
export function acceptAttribute(rules: AttachmentRules): string | undefined {
  const accept = rules.acceptByModel ?? rules.accept;
  return accept ? Object.entries(accept).flatMap(([pattern, extensions]) => [pattern, ...extensions]).join(",") : undefined;
}

/** @param count files that are attached already. */
export function refusalOf(file: Pick<File, "name" | "type" | "size">, rules: AttachmentRules, count: number): Refusal | null {
  const refused = (code: Refusal["code"], limit = 0): Refusal => ({ code, name: file.name, limit });
  if (!isAccepted(file, rules.accept)) return refused("kind");
  if (!isAccepted(file, rules.acceptByModel)) return refused("model");
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
