/** HTML character references in markdown text, decoded without an HTML parser. */

const NAMED: Record<string, string> = {
  amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", copy: "©", reg: "®", trade: "™", hellip: "…",
  mdash: "—", ndash: "–", lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”", laquo: "«", raquo: "»", bull: "•",
  middot: "·", times: "×", divide: "÷", deg: "°", plusmn: "±", euro: "€", pound: "£", yen: "¥", cent: "¢", sect: "§",
  para: "¶", larr: "←", uarr: "↑", rarr: "→", darr: "↓", harr: "↔", rArr: "⇒", lArr: "⇐", le: "≤", ge: "≥", ne: "≠",
  asymp: "≈", infin: "∞", micro: "µ", frac12: "½", frac14: "¼", frac34: "¾", sup2: "²", sup3: "³", alpha: "α",
  beta: "β", gamma: "γ", delta: "δ", pi: "π", sigma: "σ", omega: "ω", Omega: "Ω", Delta: "Δ", sum: "∑", radic: "√",
  check: "✓", checkmark: "✓", star: "☆", hearts: "♥", shy: "\u00ad", zwj: "\u200d", zwnj: "\u200c", ensp: "\u2002",
  emsp: "\u2003", thinsp: "\u2009", iexcl: "¡", iquest: "¿", colon: ":", sol: "/", lpar: "(", rpar: ")", num: "#",
  Tab: "\t", NewLine: "\n", excl: "!", dollar: "$", percnt: "%", lowbar: "_", ast: "*", grave: "`", vert: "|",
};

const REFERENCE = /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));/g;

/** Unknown names stay as they are written. */
export function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(REFERENCE, (whole, decimal?: string, hex?: string, name?: string) => {
    if (name !== undefined) return Object.hasOwn(NAMED, name) ? (NAMED[name] as string) : whole;
    const code = decimal !== undefined ? Number(decimal) : Number.parseInt(hex as string, 16);
    const isCharacter = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    return isCharacter ? String.fromCodePoint(code) : "\ufffd";
  });
}
