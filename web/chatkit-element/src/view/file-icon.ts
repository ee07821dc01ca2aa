/** An icon that says roughly what a file is. */

const ICONS: readonly (readonly [RegExp, string])[] = [
  [/^image\//, "square-image"],
  [/^video\//, "lucide:film"],
  [/^audio\//, "lucide:music"],
  [/csv|spreadsheet|excel/, "lucide:table"],
  [/zip|tar|compressed/, "lucide:archive"],
  [/json|xml|javascript|x-python/, "lucide:file-code"],
];

export function fileIcon(mimeType: string): string {
  return ICONS.find(([pattern]) => pattern.test(mimeType))?.[1] ?? "document";
}
