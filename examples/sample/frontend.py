"""The frontend: one page that says who serves it and searches through the API."""

from __future__ import annotations

import html
from string import Template

from serving import Answer, Given, Member, Request

PAGE = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sample $version</title>
<style>body{font:1rem/1.5 system-ui;max-width:40rem;margin:3rem auto;padding:0 1rem}
header{border-left:1rem solid $colour;padding-left:1rem}</style></head>
<body><header><h1>Sample $version</h1><p>served by the $slot slot$greeting</p></header>
<form><input name="q" placeholder="search" autofocus> <button>Search</button></form><ul></ul>
<script>
const form = document.querySelector("form"), list = document.querySelector("ul");
form.onsubmit = async event => {
  event.preventDefault();
  const answer = await fetch("/api/search?q=" + encodeURIComponent(form.q.value));
  const lines = answer.ok ? (await answer.json()).results : ["error " + answer.status];
  list.replaceChildren(...lines.map(text => Object.assign(document.createElement("li"), {textContent: text})));
};
</script></body></html>
""")
COLOURS = {"blue": "#2563eb", "green": "#16a34a"}


class Frontend(Member):
    def __init__(self, given: Given) -> None:
        super().__init__(given)
        me, config = given.me, given.config
        greeting = f" · {config['greeting']}" if "greeting" in config else ""
        said = {"version": me.version, "slot": me.slot, "greeting": greeting, "colour": COLOURS.get(me.slot, "gray")}
        self.page = PAGE.substitute({name: html.escape(text) for name, text in said.items()}).encode()

    def get(self, request: Request) -> Answer | None:
        return Answer(200, self.page, "text/html; charset=utf-8") if request.path == "/" else None
