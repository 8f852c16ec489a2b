"""The ten-line script to be measured against: stream a chat answer with bare httpx."""

import json
import sys

import httpx

url, count = sys.argv[1], sys.argv[2]
body = {"model": count, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
with httpx.stream("POST", f"{url}/chat/completions", json=body, timeout=600) as response:
    for line in response.iter_lines():
        if line.startswith("data: ") and line != "data: [DONE]":
            for choice in json.loads(line[6:])["choices"]:
                print(choice["delta"].get("content") or "", end="", flush=True)
