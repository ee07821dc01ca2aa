/** Every component of a widget. Of the development server alone: next.config.ts knows pages of this ending there only. */
import type { Metadata } from "next";

import { Gallery } from "@/features/gallery/gallery";
import { elementScriptUrl } from "@/server/element-script";
import { getChatkitElement } from "@/server/settings";

export const metadata: Metadata = { title: "Gallery of widgets" };

export default function GalleryPage() {
  return (
    <main id="main" className="flex h-dvh flex-col">
      <Gallery scriptUrl={elementScriptUrl(getChatkitElement())} />
    </main>
  );
}
