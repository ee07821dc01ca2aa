/** A title that is too long is refused with an explanation: cutting it would lose what was typed. */

export const TITLE_CHARACTERS_MAX = 200;

/** Sets the message that the browser shows when the field is submitted. The services count characters, not UTF-16 units. */
export function refuseLongTitle(field: HTMLInputElement): void {
  const length = [...field.value.trim()].length;
  const isTooLong = length > TITLE_CHARACTERS_MAX;
  field.setCustomValidity(isTooLong ? `A title has at most ${TITLE_CHARACTERS_MAX} characters. This one has ${length}.` : "");
}
