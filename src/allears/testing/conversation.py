"""What answers what: tickets go back and forth, posts are shared and replied to, the firm answers some, bots chime in."""

from __future__ import annotations

import numpy as np

from allears.testing.draw import HOUR, draw_index
from allears.testing.message import Message, tone
from allears.testing.speech import Speech

MINUTE = 60_000
_SHARED = {"privacy-rumour": 0.45, "payment-outage": 0.2, "price-error": 0.25, "marketing-campaign": 0.3}
BOTS = 60


def converse(speech: Speech) -> None:
    """Add replies, shares and the firm's answers to what was said, then the bots."""
    for message in list(speech.messages):
        if message.source == "helpdesk":
            _ticket(speech, message)
        elif message.source == "live-chat":
            message.extra["thread"] = message.id[:10]
            if speech.random.random() < 0.12:
                _answer(speech, message, 3 * MINUTE)
        elif message.source == "mailbox" and speech.random.random() < 0.15:
            _quote(speech, message)
        elif message.source == "microblog":
            _spread(speech, message)
    for cause, plot in enumerate(speech.plots):
        if plot.name == "bot-burst":
            _bots(speech, cause)


def _ticket(speech: Speech, first: Message) -> None:
    first.extra["thread"] = str(4_000_000 + int(first.id) % 9_000_000)
    drawn = speech.random.random()
    if drawn < 0.25:
        _answer(speech, first, 5 * HOUR)
    if drawn < 0.12 or drawn > 0.91:
        topic = "wait" if tone(first.topic) < 0 and speech.random.random() < 0.4 else first.topic
        at = first.at + int(speech.random.expovariate(1 / 20) * HOUR)
        more = speech.add(at, "helpdesk", first.person, topic, first.cause)
        if more is not None:
            more.extra["thread"] = first.extra["thread"]


def _answer(speech: Speech, first: Message, after: int) -> None:
    """Let the firm answer; the answer greets the customer by name."""
    given = speech.people.given[first.person]
    text = speech.composer.writer.sentence(first.language, "agent", {"given": given})
    at = first.at + int(speech.random.expovariate(1.0) * after) + MINUTE
    if at >= speech.end:
        return
    told = [("name", given)] if given in text else []
    answer = Message(
        at,
        first.source,
        speech.next_id(first.source),
        first.person,
        first.language,
        "agent",
        first.cause,
        text,
        told,
    )
    answer.extra |= {"out": True, "reply": first.id, "thread": first.extra.get("thread")}
    speech.messages.append(answer)


def _quote(speech: Speech, message: Message) -> None:
    given = speech.people.given[message.person]
    message.extra["quoted"] = speech.composer.writer.sentence(message.language, "agent", {"given": given})
    if given in message.extra["quoted"]:
        message.personal.append(("name", given))


def _spread(speech: Speech, post: Message) -> None:
    """Share a post, reply to it, or answer it; what upsets people travels further."""
    rng = speech.random
    name = speech.plots[post.cause].name if post.cause >= 0 else ""
    likely = _SHARED.get(name, 0.07)
    shares = 0
    while rng.random() < likely and shares < 12:
        shares += 1
        _share(speech, post)
    post.extra["retweets"] = shares * (rng.randint(8, 60) if name == "privacy-rumour" else rng.randint(1, 4))
    if rng.random() < 0.1 + likely / 3:
        _reply(speech, post)
    if tone(post.topic) < 0 and rng.random() < 0.15:
        _answer(speech, post, HOUR)


def _somebody(speech: Speech) -> int:
    return int(draw_index(speech.rng, speech.social, 1)[0])


def _share(speech: Speech, post: Message) -> None:
    person = _somebody(speech)
    handle = speech.people.handle[post.person]
    at = post.at + int(speech.random.expovariate(1 / 2.0) * HOUR) + MINUTE
    if at >= speech.end:
        return
    text = f"RT @{handle}: {post.text}"
    told = [("handle", f"@{handle}"), *post.personal]
    share = Message(
        at,
        "microblog",
        speech.next_id("microblog"),
        person,
        post.language,
        post.topic,
        post.cause,
        text,
        told,
    )
    share.extra |= {"share": post.id, "shared_handle": handle, "retweets": 0}
    speech.messages.append(share)


def _reply(speech: Speech, post: Message) -> None:
    at = post.at + int(speech.random.expovariate(1 / 1.5) * HOUR) + MINUTE
    topic = post.topic if post.cause >= 0 or speech.random.random() < 0.6 else "mention"
    reply = speech.add(at, "microblog", _somebody(speech), topic, post.cause)
    if reply is not None:
        handle = speech.people.handle[post.person]
        reply.text = f"@{handle} {reply.text}"
        reply.personal.append(("handle", f"@{handle}"))
        reply.extra |= {"reply": post.id, "retweets": 0}


def _bots(speech: Speech, cause: int) -> None:
    """Post the same thing over and over from accounts that nobody knew before."""
    plot, rng, writer = speech.plots[cause], speech.random, speech.composer.writer
    amount = f"£{rng.choice((50, 100, 250, 500))}"
    times = plot.began + (speech.rng.beta(2, 3, plot.messages) * (plot.ended - plot.began)).astype(np.int64)
    accounts = max(BOTS, plot.messages // 2)
    for at in times.tolist():
        text = writer.fill(
            writer.pick("en", "bots"), "en", {"amount": amount, "days_n": f"{rng.randint(1, 3)} days"}
        )
        if rng.random() < 0.5:
            text += f" {rng.choice(('!!', '>>', '#win', '#free', '🎁', '👇'))}"
        bot = -1 - rng.randrange(accounts)
        post = Message(at, "microblog", speech.next_id("microblog"), bot, "en", "bots", cause, text)
        post.extra["retweets"] = 0
        speech.messages.append(post)
