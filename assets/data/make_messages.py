"""Writes messages.csv: short messages to a town's help desk with a topic, made by rule from own sentences. No other source.

    python3 assets/data/make_messages.py

Half of the sentences of a topic use its plain words, half say it around the corner; openings, closings, typing and length
vary, and some messages mention another topic in passing.
"""

import csv
import pathlib
import random

RANDOM = random.Random(17)
PLACES = ["Mill Lane", "the north bridge", "Castle Street", "the market square", "Linden Road", "Park Avenue", "the old harbour",
          "Station Road", "the school corner", "Elm Court", "River Walk", "the town hall"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
WHEN = ["since yesterday", "again this morning", "for a week now", "since the storm", "every evening", "since {day}", "last night"]
TIMES = ["6:40", "7:15", "8 am", "half past nine", "noon", "4 pm", "17:30", "ten at night"]

TOPICS = {
    "transport": {
        "subject": ["bus 12", "the tram", "the 7:15 train", "the night bus", "the ferry", "bus 40 to {place}", "the express train"],
        "say": ["{s} was {n} minutes late {when}", "{s} did not stop at {place}", "{s} left before {time} without waiting",
                "I waited at {place} for {s} and nobody came", "is {s} running on {day}?", "my ticket for {s} was charged twice",
                "the driver of {s} drove past us at {place}", "{s} is so full at {time} that nobody can get on",
                "where do I find the timetable of {s}?", "we missed our connection because {s} was delayed",
                "the display at {place} shows the wrong departure for {s}", "does my monthly pass cover {s}?"],
    },
    "waste": {
        "subject": ["the bin", "our recycling", "the paper bin", "the glass container", "the garden waste", "the rubbish"],
        "say": ["{s} at {place} was not emptied {when}", "{s} has not been collected {when}", "somebody dumped old tyres next to {s} at {place}",
                "when is {s} picked up on {day}?", "{s} is overflowing and smells", "can I order a larger container for {s}?",
                "foxes tear the sacks open before {s} is collected", "where do I bring an old fridge and paint?",
                "is the recycling yard open on {day} at {time}?", "broken bottles lie all around {s} at {place}",
                "the lorry took the sacks but left {s} behind", "we need a new lid for {s}, the old one is cracked"],
    },
    "library": {
        "subject": ["my book", "the novel I reserved", "the atlas", "two comics", "the audiobook", "the cookery book"],
        "say": ["can I renew {s} until {day}?", "{s} is overdue and I got a fine of {n} euros", "I returned {s} on {day} but it is still on my card",
                "I lost {s}, what do I have to pay?", "is {s} available in large print?", "how many copies of {s} can I borrow?",
                "the reading room was closed at {time}", "my library card does not open the door", "when is the story hour for children on {day}?",
                "somebody wrote notes all over {s}", "could you buy {s} for the shelves?", "is there a quiet desk to study on {day}?"],
    },
    "water": {
        "subject": ["the tap water", "the water", "the pipe", "the hydrant", "the drain", "our water meter"],
        "say": ["{s} at {place} has been leaking {when}", "{s} is brown {when}", "we have no pressure in the shower {when}",
                "{s} in {place} is frozen", "who reads {s} this year?", "{s} tastes of chlorine", "our cellar is flooded, {s} must have burst",
                "puddles come up through the pavement at {place} and freeze", "is {s} safe for the baby to drink?",
                "{s} gurgles and nothing flows off", "how hard is {s} in {place}?", "my bill says we used {n} cubic metres, that cannot be"],
    },
    "noise": {
        "subject": ["the music", "the neighbours' party", "the building site", "a car alarm", "the bar", "the dog next door"],
        "say": ["{s} at {place} kept us awake until {time}", "{s} is so loud {when}", "they drill at {place} before {time}",
                "nobody can sleep because of {s}", "{s} starts at {time} and never stops", "are they allowed to hammer on {day}?",
                "it barks all day long at {place}", "can you measure how many decibels {s} has?", "the bass shakes our windows {when}",
                "we asked for quiet and they turned it up", "fireworks went off at {place} at {time}", "leaf blowers roar outside my bedroom at {time}"],
    },
    "lights": {
        "subject": ["the street lamp", "the lantern", "the traffic light", "the light in the underpass", "the lamp post"],
        "say": ["{s} at {place} has been out {when}", "{s} flickers {when}", "it is pitch dark at {place} after {time}",
                "{s} shines right into my bedroom", "{s} stays red for {n} minutes", "a van has bent {s} at {place}",
                "cables hang out of {s}, children play there", "could {s} be switched off at {time} to save power?",
                "{s} burns in broad daylight", "the bulb of {s} is broken", "I walked home with a torch because {s} was dead",
                "please put up {s} at {place}, one cannot see the steps"],
    },
}
OPEN = ["", "", "", "", "Hello, ", "Hi, ", "Good morning, ", "Dear all, ", "Sorry to bother you, ", "Second try: ", "Please help, ", "Urgent: "]
CLOSE = ["", "", "", "", " Thanks!", " Please reply.", " Regards, Ana", " What can I do?", " It is not the first time.", " Thank you, Tom",
         " I have photos.", " Can somebody look at it?", " My address is {place} {n}.", " Please call after {time}."]
ASIDE = [" I saw it from the bus.", " I was on my way to the library.", " Our neighbours say the same.", " It was dark already.",
         " I only went out with the rubbish.", " It rained all day.", " You fixed it once in spring."]


def fill(text, topic):
    return text.format(s=RANDOM.choice(topic["subject"]).replace("{place}", RANDOM.choice(PLACES)), place=RANDOM.choice(PLACES),
                       day=RANDOM.choice(DAYS), time=RANDOM.choice(TIMES), n=RANDOM.randint(3, 60),
                       when=RANDOM.choice(WHEN).format(day=RANDOM.choice(DAYS)))


def typed(text):
    """A slip of the fingers in one of twelve messages: two letters exchanged."""
    if RANDOM.random() < 1 / 12:
        k = RANDOM.randrange(1, len(text) - 2)
        if text[k].isalpha() and text[k + 1].isalpha():
            text = text[:k] + text[k + 1] + text[k] + text[k + 2:]
    return text


def message(topic):
    said = [fill(s, topic) for s in RANDOM.sample(topic["say"], RANDOM.choice([1, 1, 1, 2]))]
    opening = RANDOM.choice(OPEN)
    if not opening or opening.startswith("Second") or RANDOM.random() < 0.3:
        said[0] = said[0][0].upper() + said[0][1:]
    said[1:] = [s[0].upper() + s[1:] for s in said[1:]]
    text = opening + " ".join(s if s.endswith("?") else s + RANDOM.choice([".", ".", ".", "!", ""]) for s in said)
    if RANDOM.random() < 0.15:
        text += RANDOM.choice(ASIDE)
    text += fill(RANDOM.choice(CLOSE), topic)
    return typed(text.lower() if RANDOM.random() < 0.15 else text)


rows, seen = [], set()
while len(rows) < 1020:
    name = list(TOPICS)[len(rows) % len(TOPICS)]
    text = message(TOPICS[name])
    if text not in seen:
        seen.add(text)
        rows.append((text, name))
RANDOM.shuffle(rows)
with (pathlib.Path(__file__).parent / "messages.csv").open("w", newline="", encoding="utf-8") as file:
    csv.writer(file, lineterminator="\n").writerows([("message", "topic"), *rows])
