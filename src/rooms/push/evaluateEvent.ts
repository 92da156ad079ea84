import { isJsonObject, own } from "../../lib/json";
import { sameOutcome, silent } from "./actions";
import type { Outcome } from "./actions";
import type { PushUser } from "./conditions";
import { eventView } from "./eventView";
import type { EventView, PushableEvent, RoomContext } from "./eventView";
import type { PushMembers } from "./members";
import { defaultRuleset, evaluate } from "./ruleset";
import type { Ruleset } from "./ruleset";

/**
 * What an event means to those who share rules (classId) or to one user. A row stands only where the outcome differs from that
 * of class 0, or for a user from that of their class; `notify` and `highlight` are the differences that counts add up.
 */
export interface OutcomeRow {
  readonly outcome: Outcome;
  readonly notify: number;
  readonly highlight: number;
}
export interface ClassOutcome extends OutcomeRow {
  readonly classId: number;
}
export interface UserOutcome extends OutcomeRow {
  readonly userId: string;
}

export interface EventOutcomes {
  readonly classes: readonly ClassOutcome[];
  readonly users: readonly UserOutcome[];
}

export interface PushEventContext extends RoomContext {
  /** Local users who ignore the sender. */
  readonly ignorers: ReadonlySet<string>;
  /** The local user whom this event invites. */
  readonly invitee: { readonly user: PushUser; readonly ruleset: Ruleset } | undefined;
  /** Whether the event counts as read by its sender, as everything they send does but changes of their profile. */
  readonly readBySender: boolean;
}

const nothing: EventOutcomes = { classes: [], users: [] };

function rowOf(outcome: Outcome, shared: Outcome): OutcomeRow {
  return {
    outcome,
    notify: Number(outcome.notify) - Number(shared.notify),
    highlight: Number(outcome.highlight) - Number(shared.highlight),
  };
}

/** Members named by user id in m.mentions. */
function mentioned(event: PushableEvent, members: PushMembers): string[] {
  const mentions = own(event.content, "m.mentions");
  const userIds = isJsonObject(mentions) ? own(mentions, "user_ids") : undefined;
  return Array.isArray(userIds) ? userIds.filter((userId): userId is string => typeof userId === "string" && members.has(userId)) : [];
}

/** Whoever may have another outcome than their class. */
function singledOut(view: EventView, members: PushMembers, context: PushEventContext): Set<string> {
  const found = members.candidates(view);
  for (const userId of mentioned(view.event, members)) found.add(userId);
  for (const userId of context.ignorers) if (members.has(userId)) found.add(userId);
  const { sender } = view.event;
  if (context.readBySender) found.delete(sender);
  else if (members.has(sender)) found.add(sender);
  return found;
}

/** Evaluates an event for all local members of its room, once per class and once for each who is singled out. */
export function evaluateEvent(event: PushableEvent, members: PushMembers, context: PushEventContext): EventOutcomes {
  const { invitee, ignorers } = context;
  const others = members.size - (members.has(event.sender) ? 1 : 0);
  if (others === 0 && !invitee) return nothing;
  const view = eventView(event, context);
  const common = evaluate(defaultRuleset, view);
  const shared = new Map([[0, common]]);
  const classes: ClassOutcome[] = [];
  if (others > 0 && !sameOutcome(common, silent)) classes.push({ classId: 0, ...rowOf(common, silent) });
  for (const [classId, ruleset] of members.classes()) {
    const outcome = evaluate(ruleset, view);
    shared.set(classId, outcome);
    if (!sameOutcome(outcome, common)) classes.push({ classId, ...rowOf(outcome, common) });
  }
  const users: UserOutcome[] = [];
  for (const userId of singledOut(view, members, context)) {
    const quiet = userId === event.sender || ignorers.has(userId);
    const outcome = quiet ? silent : evaluate(members.rulesetOf(userId), view, members.userOf(userId));
    const ofClass = shared.get(members.classOf(userId)) ?? common;
    if (!sameOutcome(outcome, ofClass)) users.push({ userId, ...rowOf(outcome, ofClass) });
  }
  if (invitee && !ignorers.has(invitee.user.userId)) {
    const outcome = evaluate(invitee.ruleset, view, invitee.user);
    if (!sameOutcome(outcome, silent)) users.push({ userId: invitee.user.userId, ...rowOf(outcome, silent) });
  }
  return { classes, users };
}
