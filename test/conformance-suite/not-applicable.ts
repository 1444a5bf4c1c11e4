/** The rule says nothing about this server, or cannot be held against it from here. */
export class NotApplicableError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "NotApplicableError";
  }
}
