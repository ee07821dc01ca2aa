/** A title that is too long is refused in words: cutting it would lose what was typed. */

export const TITLE_CHARACTERS_MAX = 200;

/** Sets what the browser says about the field when it is submitted; the services count characters, not UTF-16 units. */
export function refuseLongTitle(field: HTMLInputElement): void {
  const length = [...field.value.trim()].length;
  const isTooLong = length > TITLE_CHARACTERS_MAX;
  field.setCustomValidity(isTooLong ? `A title has at most ${TITLE_CHARACTERS_MAX} characters. This one has ${length}.` : "");
}
