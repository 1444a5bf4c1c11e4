/** Everything that is wrong with a configuration, at once. */

export interface ConfigIssue {
  /** "httpPort", "hosts[0]", "limits.maxRooms". */
  readonly path: string;
  /** Where it was written: "--http-port", "TURNPIKE_HTTP_PORT", "turnpike.json: httpPort"; the path where a program wrote it. */
  readonly where: string;
  readonly message: string;
}

export class ConfigError extends Error {
  readonly code = "ERR_TURNPIKE_CONFIG";
  readonly issues: readonly ConfigIssue[];

  /** One line per issue; the values of secrets are in none of them. */
  constructor(issues: readonly ConfigIssue[]) {
    super(issues.map(({ where, message }) => `${where}: ${message}`).join("\n"));
    this.name = "ConfigError";
    this.issues = issues;
  }
}
