import type { Metadata } from "next";

import { SharedView } from "@/features/shared/shared-view";
import { ownElementScriptUrl } from "@/server/element-script";

/** Its address is the secret: no search engine keeps it, and no referrer tells it (proxy.ts sends both as headers too). */
export const metadata: Metadata = {
  title: "A shared conversation",
  robots: { index: false, follow: false, noarchive: true },
  referrer: "no-referrer",
};

export default async function SharedPage({ params }: { params: Promise<{ token: string }> }) {
  const { token } = await params;
  return <SharedView token={token} scriptUrl={ownElementScriptUrl()} />;
}
