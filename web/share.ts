/** Gets the room's link to somebody else. */

/** True: the text is on the clipboard. */
export async function copyText(text: string, field: HTMLInputElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No clipboard on plain http, or not for this page: the old way works from a click.
    field.focus();
    field.select();
    return document.execCommand("copy");
  }
}

/** Says for two seconds what a button has done. */
export function flash(button: HTMLButtonElement, text: string): void {
  const label = button.querySelector(".label");
  if (label === null || button.dataset.flash !== undefined) return;
  const before = label.textContent ?? "";
  button.dataset.flash = "";
  label.textContent = text;
  setTimeout(() => {
    delete button.dataset.flash;
    label.textContent = before;
  }, 2000);
}

export function canShare(): boolean {
  return typeof navigator.share === "function";
}

export async function shareLink(url: string): Promise<void> {
  try {
    await navigator.share({ title: "Turnpike", text: "Join my call", url });
  } catch {
    // Closed without sharing: nothing to say.
  }
}
