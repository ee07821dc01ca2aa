/** What all fields of a widget have in common: a name in the form, a name for people, and whether they take the focus. */

import type { Ref } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useHost } from "./host";

export interface FieldIdentity {
  id: string;
  "data-field": string;
  "aria-label": string | undefined;
}

/** `data-field` instead of `name`: a field called `submit` would otherwise replace a method of its form. */
export function useFieldIdentity(name: string, ...names: (string | undefined)[]): FieldIdentity {
  const { prefix, labelled } = useHost();
  const said = names.find((candidate) => candidate) ?? name.replace(/[._-]+/g, " ");
  return { id: `${prefix}-${name}`, "data-field": name, "aria-label": labelled.has(name) ? undefined : said };
}

/** The attributes by which password managers are asked to leave a field alone, and the browser to remember nothing. */
export function autofill(isAllowed: boolean | undefined, hint?: string): Record<string, string> {
  if (isAllowed) return hint ? { autocomplete: hint } : {};
  return { autocomplete: hint ?? "off", "data-1p-ignore": "", "data-lpignore": "true", "data-bwignore": "", "data-form-type": "other" };
}

/**
 * Focuses a field that asks for it, once, in a widget that came just now and while nobody is typing: an old
 * conversation that is opened must not move the focus, and neither must a model take it from somebody who writes.
 */
export function useAutoFocus<E extends HTMLInputElement | HTMLTextAreaElement>(autoFocus = false, autoSelect = false): Ref<E> {
  const field = useRef<E>(null);
  const { mayFocus } = useHost();
  useEffect(() => {
    if (autoFocus && mayFocus()) field.current?.focus();
    if (autoFocus && autoSelect && mayFocus()) field.current?.select();
  }, []);
  return field;
}

/** Selects everything when the field gets the focus. */
export const selectOnFocus = (isWanted: boolean | undefined) =>
  isWanted ? (event: { currentTarget: HTMLInputElement | HTMLTextAreaElement }) => event.currentTarget.select() : undefined;

/** A pattern that is no regular expression would be ignored with a warning at every key. */
export function validPattern(pattern: string | undefined): string | undefined {
  if (pattern === undefined || pattern.length > PATTERN_LENGTH_MAX) return undefined;
  try {
    new RegExp(pattern, "v");
    return pattern;
  } catch {
    return undefined;
  }
}

const PATTERN_LENGTH_MAX = 200;
