/** What every part of the view may need. It changes rarely; what changes often is passed as props. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { ModelFiles } from "../options/attachments";
import type { ViewOptions } from "../options/options";
import type { PageKey } from "../options/settings";
import type { Chat } from "../chat/chat";
import { chooseLocale, type Locale } from "../text/locale";

export interface View {
  chat: Chat;
  options: ViewOptions;
  locale: Locale;
  canSearch: boolean;
  ownsPage: boolean;
  pageKeys: readonly PageKey[];
  fillsPrompts: boolean;
  /** Where a file of a message can be fetched from; null where the page did not say. */
  attachmentUrl: ((attachmentId: string) => string) | null;
  modelFiles: ModelFiles;
  readsAloud: boolean;
  isReadOnly: boolean;
  focusComposer: () => void;
  emit: (name: string, detail?: unknown) => void;
}

const ViewContext = createContext<View | null>(null);
export const ViewProvider = ViewContext.Provider;

export function useView(): View {
  const view = useContext(ViewContext);
  if (!view) throw new Error("A part of the element was rendered outside of it.");
  return view;
}

export function useLocale(): Locale {
  return useContext(ViewContext)?.locale ?? chooseLocale("en");
}
