/** Actions of widgets: what an `ActionConfig` says, and what of a form goes into its payload. */

import { isObject } from "./css-values";

export type LoadingBehavior = "self" | "container" | "none";

export interface ActionConfig {
  type: string;
  payload: unknown;
  handler: "client" | "server";
  /** Undefined is `auto`: where the action is bound decides. */
  loadingBehavior: LoadingBehavior | undefined;
  /** Whether the server answers with a turn, or with one item. */
  streaming: boolean;
}

const BEHAVIORS: readonly unknown[] = ["self", "container", "none"];

export function readAction(value: unknown): ActionConfig | undefined {
  if (!isObject(value) || typeof value["type"] !== "string") return undefined;
  const behavior = value["loadingBehavior"];
  return {
    type: value["type"],
    payload: value["payload"] ?? undefined,
    handler: value["handler"] === "client" ? "client" : "server",
    loadingBehavior: BEHAVIORS.includes(behavior) ? (behavior as LoadingBehavior) : undefined,
    streaming: value["streaming"] !== false,
  };
}

export type FieldValue = string | boolean | null;

/** Segments of a field's name that would change objects instead of their content. */
const FORBIDDEN = new Set(["__proto__", "constructor", "prototype"]);
const SEGMENTS_MAX = 10;

/**
 * The payload with the values of the fields under their names; `todo.title` goes into `payload.todo.title`. A key that
 * the payload has already is kept, as ChatKit does it, and returned as a collision.
 */
export function withFields(payload: unknown, fields: ReadonlyMap<string, FieldValue>): { payload: unknown; collisions: string[] } {
  if (fields.size === 0) return { payload, collisions: [] };
  if (payload !== undefined && !isObject(payload)) return { payload, collisions: [...fields.keys()] };
  const merged: Record<string, unknown> = { ...payload };
  const collisions = [...fields].filter(([name, value]) => !put(merged, name.split("."), value)).map(([name]) => name);
  return { payload: merged, collisions };
}

/** Returns false if something is there already. The objects on the way are copied, not changed. */
function put(target: Record<string, unknown>, path: readonly string[], value: FieldValue): boolean {
  const [key = "", ...rest] = path;
  if (FORBIDDEN.has(key) || path.length > SEGMENTS_MAX) return false;
  const isThere = Object.hasOwn(target, key);
  if (rest.length === 0) {
    if (!isThere) target[key] = value;
    return !isThere;
  }
  if (isThere && !isObject(target[key])) return false;
  const inner = { ...(isThere ? (target[key] as Record<string, unknown>) : {}) };
  if (!put(inner, rest, value)) return false;
  target[key] = inner;
  return true;
}

/** What the fields below an element hold, by name. Text as it was typed; a checkbox true or false; no choice null. */
export function fieldValues(scope: ParentNode): Map<string, FieldValue> {
  const values = new Map<string, FieldValue>();
  for (const field of scope.querySelectorAll<HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement>("[data-field]")) {
    const name = field.dataset["field"] as string;
    if (field.disabled) continue;
    if (field.type === "radio") {
      const { checked, value } = field as HTMLInputElement;
      if (checked || !values.has(name)) values.set(name, checked ? value : null);
    } else values.set(name, valueOf(field));
  }
  return values;
}

export function valueOf(field: HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement): FieldValue {
  if (field.type === "checkbox") return (field as HTMLInputElement).checked;
  const isChoice = field.type === "date" || field.type.startsWith("select");
  return field.value === "" && isChoice ? null : field.value;
}
