"""Firefox over WebDriver BiDi (W3C), for a few tests. Playwright can only drive its own patched Firefox."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

BOUND = 30  # seconds for any step
LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
CONTROL = "\ue009"  # WebDriver's code points for keys
EVENTS = ["browsingContext.userPromptOpened", "browsingContext.load"]


class FirefoxFailed(Exception):
    """Firefox answered with an error, or did not answer in time."""


@contextmanager
def running_firefox(path: str, folder: Path) -> Iterator[FirefoxWindow]:
    """Run Firefox with an empty profile, without a screen; yields its only window."""
    profile = folder / "profile"
    profile.mkdir()
    # On a busy machine Firefox does not always count injected keys as the interaction that its prompt
    # requires.
    (profile / "user.js").write_text('user_pref("dom.require_user_interaction_for_beforeunload", false);\n')
    log = folder / "firefox.log"
    command = [path, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port=0"]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        address = _listening_at(log, process)
        with connect(f"{address}/session", max_size=None, compression=None) as connection:
            yield FirefoxWindow(connection)
    finally:
        process.terminate()
        try:
            process.wait(BOUND)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listening_at(log: Path, process: subprocess.Popen[bytes]) -> str:
    until = time.monotonic() + BOUND
    while time.monotonic() < until and process.poll() is None:
        if found := LISTENING.search(log.read_text()):
            return found[1]
        time.sleep(0.05)
    raise FirefoxFailed(log.read_text())


class FirefoxWindow:
    """The browser window: its address, its contents, and a person's actions."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self._events: list[dict[str, Any]] = []
        # Prompts of the page stay open until the test answers them.
        self._call(
            "session.new", capabilities={"alwaysMatch": {"unhandledPromptBehavior": {"default": "ignore"}}}
        )
        self._call("session.subscribe", events=EVENTS)
        self._context = self._call("browsingContext.getTree")["contexts"][0]["context"]

    def set_cookie(self, name: str, value: str, domain: str) -> None:
        """Set a cookie for every page of that domain."""
        cookie = {"name": name, "value": {"type": "string", "value": value}, "domain": domain, "path": "/"}
        self._call("storage.setCookie", cookie=cookie)

    def goto(self, address: str) -> None:
        """Open an address; returns after the page has loaded."""
        self._call("browsingContext.navigate", context=self._context, url=address, wait="complete")

    def back(self) -> None:
        """Press Back; returns after the previous page has loaded."""
        self._events.clear()
        self._call("browsingContext.traverseHistory", context=self._context, delta=-1)
        self._event("browsingContext.load")

    def reload(self) -> None:
        """Press Reload; returns after the page has loaded."""
        self._call("browsingContext.reload", context=self._context, wait="complete")

    def read(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page, transferred as JSON."""
        answer = self._call(
            "script.evaluate",
            expression=f"JSON.stringify({expression})",
            target={"context": self._context},
            awaitPromise=False,
        )
        if answer["type"] != "success":
            raise FirefoxFailed(answer["exceptionDetails"]["text"])
        text = answer["result"].get("value")
        return None if text is None else json.loads(text)

    def wait_for(self, expression: str) -> Any:
        """The value of the expression as soon as it is truthy."""
        until = time.monotonic() + BOUND
        while time.monotonic() < until:
            try:
                if value := self.read(expression):
                    return value
            except FirefoxFailed:
                pass  # navigation is in progress
            time.sleep(0.05)
        raise FirefoxFailed(f"never: {expression}\n{self.read('document.body.innerText')}")

    def type(self, selector: str, text: str) -> None:
        """Focus an element and type."""
        self.read(f"document.querySelector({json.dumps(selector)}).focus()")
        self._keys(*((kind, key) for key in text for kind in ("keyDown", "keyUp")))

    def press_with_control(self, selector: str, key: str) -> None:
        """Focus an element and press a key with Ctrl."""
        self.read(f"document.querySelector({json.dumps(selector)}).focus()")
        self._keys(("keyDown", CONTROL), ("keyDown", key), ("keyUp", key), ("keyUp", CONTROL))

    def paste(self, selector: str, text: str) -> None:
        """Paste a text that was copied from the page itself."""
        self.read(
            "document.body.append(Object.assign(document.createElement('textarea'), "
            f"{{id: 'copied', value: {json.dumps(text)}}}))"
        )
        self.press_with_control("#copied", "a")
        self.press_with_control("#copied", "c")
        self.read("document.getElementById('copied').remove()")
        self.press_with_control(selector, "v")

    def click(self, selector: str) -> None:
        """Click the middle of an element; does not wait for the effect."""
        place = self.read(
            f"""(element => {{
                element.scrollIntoView({{block: "center", behavior: "instant"}});
                const box = element.getBoundingClientRect();
                return [box.x + box.width / 2, box.y + box.height / 2].map(Math.round);
            }})(document.querySelector({json.dumps(selector)}))"""
        )
        move = {"type": "pointerMove", "x": place[0], "y": place[1], "origin": "viewport"}
        press, release = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        source = {"type": "pointer", "id": "mouse", "actions": [move, press, release]}
        self._send("input.performActions", context=self._context, actions=[source])

    def refuse_to_leave(self) -> str:
        """Wait for the prompt whether to leave, and stay; returns the type of the prompt."""
        event = self._event("browsingContext.userPromptOpened")
        self._call("browsingContext.handleUserPrompt", context=self._context, accept=False)
        return str(event["type"])

    def _keys(self, *actions: tuple[str, str]) -> None:
        source = {
            "type": "key",
            "id": "keyboard",
            "actions": [{"type": kind, "value": key} for kind, key in actions],
        }
        self._call("input.performActions", context=self._context, actions=[source])

    def _send(self, method: str, **parameters: Any) -> int:
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        return number

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = self._send(method, **parameters)
        while (message := self._receive()).get("id") != number:
            if message["type"] == "event":
                self._events.append(message)
        if message["type"] == "error":
            raise FirefoxFailed(f"{method}: {message['error']}: {message['message']}")
        result: dict[str, Any] = message["result"]
        return result

    def _event(self, name: str) -> dict[str, Any]:
        """The next event of that name; the first one already received, if any."""
        while True:
            for event in self._events:
                if event["method"] == name:
                    self._events.remove(event)
                    parameters: dict[str, Any] = event["params"]
                    return parameters
            message = self._receive()
            if message["type"] == "event":
                self._events.append(message)

    def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._connection.recv(timeout=BOUND))
        return message
