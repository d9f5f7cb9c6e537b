// How a tour says what became of each action: one line of JSON a step, `reason` empty when it worked.

export const given = JSON.parse(process.argv[2] ?? "{}");

/** Runs `attempt`, says how it went, and returns what it returned (undefined when it failed). */
export async function step(action, attempt) {
  try {
    const found = await attempt();
    say(action, "");
    return found;
  } catch (error) {
    say(action, `${error.errorCode ?? error.name ?? "Error"}: ${String(error.message ?? error).split("\n")[0]}`);
    return undefined;
  }
}

/** Fails the step unless `truth` holds. */
export function expect(truth, otherwise) {
  if (!truth) throw new Error(otherwise);
}

/** Fails the step unless `attempt` is refused with that error code. */
export async function refused(code, attempt) {
  let answer;
  try {
    answer = await attempt();
  } catch (error) {
    const said = error.errorCode ?? error.code ?? error.name;
    if (said !== code) throw new Error(`refused with ${said} instead of ${code}: ${error.message}`);
    return;
  }
  throw new Error(`expected ${code}, and it was answered: ${JSON.stringify(answer).slice(0, 120)}`);
}

function say(action, reason) {
  process.stdout.write(JSON.stringify({ action, reason }) + "\n");
}
