/** What is said of an answer, piece by piece, and in which language. */

/** Some browsers fall silent in the middle of longer pieces. */
const CHARACTERS_MAX = 220;

/** Sentences together up to that length; a longer one is cut at a space. */
export function speechParts(text: string): string[] {
  const parts: string[] = [];
  for (const sentence of text.split(/(?<=[.!?؟۔。:])\s+|\n+/)) {
    let rest = sentence.trim();
    while (rest.length > CHARACTERS_MAX) {
      const space = rest.lastIndexOf(" ", CHARACTERS_MAX);
      const end = space > 0 ? space : CHARACTERS_MAX;
      parts.push(rest.slice(0, end));
      rest = rest.slice(end).trim();
    }
    if (!rest) continue;
    const last = parts.at(-1);
    if (last !== undefined && last.length + rest.length < CHARACTERS_MAX) parts[parts.length - 1] = `${last} ${rest}`;
    else parts.push(rest);
  }
  return parts;
}

/** The page's language if its script is that of most letters; else the commonest language of the text's script. */
export function speechLanguage(text: string, pageLanguage: string): string {
  const arabic = text.match(/\p{Script=Arabic}/gu)?.length ?? 0;
  const latin = text.match(/\p{Script=Latin}/gu)?.length ?? 0;
  const isArabic = arabic > latin;
  const isPageArabic = /^(ar|ur|fa|ps|sd|ug|ckb)\b/.test(pageLanguage);
  if (isArabic === isPageArabic) return pageLanguage;
  return isArabic ? "ar" : "en";
}
