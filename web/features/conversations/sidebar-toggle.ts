/** The button of the chat's own header asks for the list of conversations, which lives beside it. */

const asked = new EventTarget();

export function askForSidebar(): void {
  asked.dispatchEvent(new Event("ask"));
}

export function onSidebarAsked(react: () => void): () => void {
  asked.addEventListener("ask", react);
  return () => asked.removeEventListener("ask", react);
}
