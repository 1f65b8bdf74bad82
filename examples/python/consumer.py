"""Handles each message of a category in order, at least once: python3 consumer.py CATEGORY [URL] [CHECKPOINT_FILE]"""

import json
import os
import random
import sys
import time
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

SILENCE_SECONDS = 15  # The server sends a heartbeat every 4 seconds, so a stream silent for this long is dead.
PAGE = 1000


class Consumer:
    def __init__(self, category, url="http://localhost:8080", file="checkpoint.json"):
        self.category, self.url, self.file = category, url, file
        # Positions are valid only within one log, which the epoch identifies.
        self.checkpoint = {"epoch": None, "next": 1}
        if os.path.exists(file):
            with open(file) as saved:
                self.checkpoint = json.load(saved)

    def run(self):
        while True:
            try:
                self.follow()
            except HTTPError as error:
                # A wrong name or a missing token is permanent; another log (410) and overload are not.
                if error.code in (400, 401, 403, 404):
                    raise
                print(error, file=sys.stderr)
            except (OSError, HTTPException) as error:
                print(error, file=sys.stderr)
            time.sleep(random.uniform(0.5, 1.5))

    def follow(self):
        where = {"category": self.category, "position": self.checkpoint["next"], "hello": "true"}
        with self.get("/subscribe", where) as response:
            for event, data in events(response):
                if event == "hello" and self.checkpoint["next"] == 1:
                    self.checkpoint["epoch"] = data["epoch"]
                elif event == "reset":
                    self.checkpoint = {"epoch": data["epoch"], "next": data["replayFrom"]}
                elif event == "poke" and data["globalPosition"] >= self.checkpoint["next"]:
                    self.read_on()

    def read_on(self):
        while True:
            where = {"position": self.checkpoint["next"], "batchSize": PAGE}
            with self.get(f"/categories/{quote(self.category)}/messages", where) as response:
                messages = json.load(response)
            for message in messages:
                handle(message)
                self.checkpoint["next"] = message["globalPosition"] + 1
            self.save()
            if len(messages) < PAGE:
                return

    def get(self, path, parameters):
        # The first read takes what there is. With the epoch it would fail if retention had deleted something.
        if self.checkpoint["next"] > 1:
            parameters["epoch"] = self.checkpoint["epoch"]
        token = os.environ.get("POKEWIRE_TOKEN")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return urlopen(Request(f"{self.url}{path}?{urlencode(parameters)}", headers=headers), timeout=SILENCE_SECONDS)

    def save(self):
        with open(self.file + ".new", "w") as new:
            json.dump(self.checkpoint, new)
        os.replace(self.file + ".new", self.file)


def events(response):
    """Yields the name and the data of each event. Pokewire's data is JSON in one line."""
    name = ""
    for line in response:
        field, _, value = line.decode().partition(":")
        if field == "event":
            name = value.strip()
        elif field == "data":
            yield name, json.loads(value)


def handle(message):
    """Your handler. It may get the last messages again after a crash, so doing it twice must do no harm."""
    print(f"{message['stream']}@{message['position']} {message['type']}", flush=True)


if __name__ == "__main__":
    Consumer(*sys.argv[1:]).run()
