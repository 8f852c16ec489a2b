"""Start llama.cpp's own HTTP server: `gguf_server.py MODEL PORT`.

Environment: CTX, ALIAS, KEY, TEMPLATE (a file) and EMBED=1 set the server's options of that kind.
The address is printed when the model is loaded.
"""

import os
import signal
import sys
from pathlib import Path

import xllamacpp

env = os.environ
params = xllamacpp.CommonParams()
params.model.path, params.port = sys.argv[1], int(sys.argv[2])
params.n_ctx = int(env.get("CTX", "2048"))
params.n_parallel, params.ui, params.verbosity = 1, False, 0
params.fit_params = False
if "ALIAS" in env:
    params.model_alias = {env["ALIAS"]}
if "KEY" in env:
    params.api_keys = [env["KEY"]]
if "TEMPLATE" in env:
    params.chat_template = Path(env["TEMPLATE"]).read_text("utf-8")
if "EMBED" in env:
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
signal.sigwait({signal.SIGINT, signal.SIGTERM})
os._exit(0)
