/** A text that is too long is refused with an explanation: cutting it would lose what was typed. */

export const TITLE_CHARACTERS_MAX = 200;

/** Sets the message that the browser shows when the field is submitted. The services count characters, not UTF-16 units. */
export function refuseLongTitle(field: HTMLInputElement): void {
  refuseLong(field, "A title has", TITLE_CHARACTERS_MAX);
}

/** The same of any text: `has` begins the sentence. */
export function refuseLong(field: HTMLInputElement | HTMLTextAreaElement, has: string, charactersMax: number): void {
  const length = [...field.value.trim()].length;
  const words = `${has} at most ${charactersMax.toLocaleString("en")} characters. This one has ${length}.`;
  field.setCustomValidity(length > charactersMax ? words : "");
}
