import { CancelledError, type Progress, QedgeError } from '@qedge/core';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import ora from 'ora';

/** 0 ok, 1 failed, 2 bad usage, 130 interrupted (128 + SIGINT, as shells expect). */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** An option's value that only the command itself can judge. */
export class UsageError extends QedgeError {
  readonly code = 'USAGE';
}

/** What a command is given to work with. */
export interface CommandContext {
  /** Aborted by Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  /** True when the caller asked for JSON. */
  readonly json: boolean;
  /** Shows progress on stderr when that is a terminal; silent otherwise. */
  onProgress(progress: Progress): void;
  /** Ends the progress line and writes a line for people to stderr. */
  note(line: string): void;
}

/** The result of a command: the record that `--json` prints, and the same for people. */
export interface CommandResult<Json = unknown> {
  readonly json: Json;
  readonly text: string;
  /** True when the command did its work and the answer is bad (a failed check): exit code 1. */
  readonly failed?: boolean;
}

type Handler<Arguments extends unknown[]> = (
  context: CommandContext,
  ...args: Arguments
) => Promise<CommandResult>;

/** Makes a command with the options that every command has. */
export function defineCommand(name: string, summary: string, description: string): Command {
  return new Command(name)
    .summary(summary)
    .description(description)
    .option('--json', 'print the result as JSON, and nothing else, on stdout')
    .option('--debug', 'print stack traces')
    .showHelpAfterError('(add --help for the options and examples)')
    .exitOverride();
}

/** Attaches the work to a command: progress, output, errors and exit codes are the same everywhere. */
export function attachHandler<Arguments extends unknown[]>(
  command: Command,
  handler: Handler<Arguments>,
): Command {
  return command.action(async (...args: unknown[]) => {
    const options = command.optsWithGlobals<{ json?: boolean; debug?: boolean }>();
    const stop = new AbortController();
    const interrupt = () => stop.abort(new Error('interrupted'));
    process.once('SIGINT', interrupt);
    process.once('SIGTERM', interrupt);
    const spinner = ora({
      stream: process.stderr,
      isEnabled: process.stderr.isTTY === true && !options.json,
      isSilent: !process.stderr.isTTY,
    });
    const context: CommandContext = {
      signal: stop.signal,
      json: options.json === true,
      onProgress: (progress) => {
        spinner.text = progressText(progress);
        if (!spinner.isSpinning) spinner.start();
      },
      note: (line) => {
        if (spinner.isSpinning) spinner.stop();
        process.stderr.write(`${line}\n`);
      },
    };
    try {
      const result = await handler(context, ...(args.slice(0, -1) as Arguments));
      spinner.stop();
      await print(options.json ? `${JSON.stringify(result.json, null, 2)}\n` : `${result.text.trimEnd()}\n`);
      process.exitCode = result.failed ? EXIT.failed : EXIT.ok;
    } catch (error) {
      spinner.stop();
      process.exitCode = await reportError(error, options);
    } finally {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
    }
  });
}

/** What progress says in one line: `training 40 % · loss 0.1`. */
export function progressText({ phase, done, total, message }: Progress): string {
  const share = total === null || total === 0 ? '' : ` ${Math.floor((100 * done) / total)} %`;
  return `${phase}${share}${message ? ` · ${message}` : ''}`;
}

/** Writes to stdout and waits until it is flushed, so that a large JSON is never cut by the exit. */
function print(text: string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(text, () => resolve());
  });
}

/** Prints an error as `--json` or for people and returns the exit code. */
async function reportError(error: unknown, options: { json?: boolean; debug?: boolean }): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const known = error instanceof QedgeError;
  const message = error instanceof Error ? error.message : String(error);
  const code = known ? error.code : String((error as { code?: unknown })?.code ?? 'UNEXPECTED');
  if (options.json)
    await print(`${JSON.stringify({ error: known ? error.toJSON() : { code, message } }, null, 2)}\n`);
  process.stderr.write(`qedge: ${message} [${code}]\n`);
  if (options.debug && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  else if (!known) process.stderr.write('This was not expected; --debug shows where it happened.\n');
  if (error instanceof CancelledError) return EXIT.interrupted;
  return error instanceof UsageError ? EXIT.usage : EXIT.failed;
}

/** For options that take some of a few names, separated by commas. */
export function listOption<Name extends string>(names: readonly Name[]): (text: string) => readonly Name[] {
  return (text) => {
    const chosen = text.split(',').map((name) => name.trim());
    const wrong = chosen.find((name) => !(names as readonly string[]).includes(name));
    if (wrong === undefined) return chosen as Name[];
    throw new InvalidArgumentError(
      `Expected any of ${names.join(', ')}, separated by commas, got "${wrong}".`,
    );
  };
}

/** Parser for an option that is an integer of at least `least` (and at most `most`). */
export function integerOption(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least || value > most) {
      const range = most === Number.MAX_SAFE_INTEGER ? `>= ${least}` : `in ${least}..${most}`;
      throw new InvalidArgumentError(`Expected an integer ${range}, got "${text}".`);
    }
    return value;
  };
}

/** Parser for an option that is a number in `[least, most]`. */
export function numberOption(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= least && value <= most)) {
      throw new InvalidArgumentError(`Expected a number in ${least}..${most}, got "${text}".`);
    }
    return value;
  };
}

/** Collects `name=value` options into a record of numbers. */
export function parameterOption(
  text: string,
  values: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const separator = text.indexOf('=');
  const [name, number] = [text.slice(0, separator).trim(), text.slice(separator + 1).trim()];
  if (separator < 1 || number === '' || !Number.isFinite(Number(number))) {
    throw new InvalidArgumentError(`Expected name=number, got "${text}".`);
  }
  return { ...values, [name]: Number(number) };
}
