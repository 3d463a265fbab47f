-- What `kavach batch` says of what cannot be, and that nothing is done then.

local batch = require "support.batch_program"

-- What a line exits with and says; it prints nothing.
local function refused(line)
  local code, out, errors = batch.shell("$K batch " .. line)
  assert.equal("", out, line)
  return code, errors
end

describe("kavach batch", function()
  setup(function()
    batch.setup()
    batch.write("fine.lua", [[
      local batch = require "kavach".batch { name = "fine", sandbox = false, retries = 7 }
      batch:job { id = "a", command = "echo $A $PWD; test ! -e fail" }
      return batch]])
  end)
  teardown(batch.teardown)

  it("is told of misuse with exit code 64", function()
    for line, expected in pairs {
      [""] = "a script is needed, or --command and inputs",
      ["--bogus"] = "unknown option '--bogus'",
      ["--job 3 fine.lua"] = "unknown option '--job' (did you mean '--jobs'?)",
      ["fine.lua --report"] = "option '--report' needs a value",
      ["--jobs 0 fine.lua"] = "option '--jobs': '0' is not a whole number from 1 to 100000",
      ["--halt soon fine.lua"] = "option '--halt': 'soon' is not 'soon' or 'now', then what",
      ["--rate fast fine.lua"] = "option '--rate': 'fast' is not how many jobs may start",
      ["--timeout soon fine.lua"] = "option '--timeout': 'soon' is not a duration",
      ["--resume --replace fine.lua"] = "--resume and --replace exclude each other",
      ["--failed fine.lua"] = "--failed is for --resume",
      ["--changed fine.lua"] = "--changed is for --resume",
      ["--csv a b"] = "--csv needs --command",
      ["--no-sandbox --command 'echo {' a --csv"] = "words: a",
      ["--command '' a"] = "--command is empty",
      ["--command 'echo {2}' a"] = "{2}",
      ["--resume --command true --name x a"] = "is resumed with kavach batch resume NAME",
      ["--no-sandbox --memory 128 --command true a"] =
        "--memory is about sandboxes, and --no-sandbox has none",
      ["--no-sandbox --reuse --command true a"] =
        "--reuse is about sandboxes, and --no-sandbox has none",
      ["--no-sandbox --user x --command true a"] =
        "--user is about sandboxes, and --no-sandbox has none",
      ["--no-sandbox --mount /:/x --command true a"] =
        "--mount is about sandboxes, and --no-sandbox has none",
      ["--no-sandbox --cold fine.lua"] = "--cold is about sandboxes, and --no-sandbox has none",
      ["--no-sandbox --put a --command true a"] = "--put is for jobs in a guest",
      ["--no-sandbox --get ../x --command true a"] = "--get is for jobs in a guest",
      ["status"] = "missing argument 'name'", ["jobs fine x"] = "'x' is not a whole number",
    } do
      local code, errors = refused(line)
      assert.equal(64, code, line)
      assert.matches(expected, errors, 1, true)
      assert.matches("; see kavach batch ?%l* %-%-help\n$", errors)
      assert.not_matches("batch: batch:", errors, 1, true)
    end
    assert.is_false(batch.exists "state/kavach")
  end)

  it("wants inputs, where standard input is a terminal", function()
    local _, out = batch.shell [[script -qec "$K batch --no-sandbox --command true; echo is \$?" \
      /dev/null </dev/null]]
    assert.matches("kavach: batch: no inputs: give words, -a FILE, or a pipe", out, 1, true)
    assert.matches("is 64", out, 1, true)
  end)

  it("names a script that it cannot read, and the verb that may be meant", function()
    for line, expected in pairs {
      ["nosuch.lua"] = "kavach: batch: nosuch.lua: No such file or directory\n",
      ["statsu x"] = "kavach: batch: statsu: No such file or directory "
        .. "(did you mean 'kavach batch status'?)\n",
      ["."] = "kavach: batch: .: Is a directory\n",
    } do
      assert.same({ 1, expected }, { refused(line) })
    end
  end)

  it("says where in a script the fault is, without its own insides", function()
    for text, expected in pairs {
      ["local = 3"] = "bad.lua:1: <name> expected near '='\n",
      ["\nerror 'boom'"] = "bad.lua:2: boom\nstack traceback:\n\t[C]: in function 'error'\n"
        .. "\tbad.lua:2: in main chunk\n",
      ["return"] = "bad.lua: it must return its batch (kavach.batch{…}), and returns a nil\n",
      ["return 3"] =
        "bad.lua: it must return its batch (kavach.batch{…}), and returns a number\n",
      ["return require 'kavach'.batch { sandbox = false }"] =
        "bad.lua: the batch has no name: kavach.batch{ name = … }, or --name\n",
    } do
      batch.write("bad.lua", text)
      assert.same({ 1, "kavach: batch: " .. expected }, { refused "bad.lua" })
    end
    for text, expected in pairs {
      ["kavach.batch { job = 3 }"] =
        "bad.lua:2: batch: unknown option 'job' (did you mean 'jobs'?)",
      ["kavach.batch { name = 'b' }:job { id = 'a', comand = 'x' }"] =
        "bad.lua:2: job 'a': unknown field 'comand' (did you mean 'command'?)",
      ["kavach.batch { name = 'b' }:job { id = 'a', command = 'x', get = '../x' }"] =
        "bad.lua:2: job 'a': get must be relative paths without '..', and '../x' is not one",
      ["kavach.batch { name = 'b' }:job { id = 'a', command = 'x', get = '/etc/*' }"] =
        "bad.lua:2: job 'a': get must be relative paths without '..', and '/etc/*' is not one",
      ["local b = kavach.batch { name = 'b' } b:job { id = 'a', command = 'x' } "
        .. "b:job { id = 'a', command = 'x' }"] = "bad.lua:2: job: the id 'a' is there twice",
    } do
      batch.write("bad.lua", "local kavach = require 'kavach'\n" .. text)
      local code, errors = refused "bad.lua"
      assert.equal(1, code)
      assert.equal("kavach: batch: " .. expected .. "\n", errors:match "^[^\n]*\n")
      assert.not_matches("kavach/cli", errors, 1, true)
    end
    assert.is_false(batch.exists "state/kavach")
  end)

  it("starts no guest under --no-sandbox, for no job", function()
    batch.write("own.lua", [[
      local batch = require "kavach".batch { name = "own" }
      batch:job { id = "a", command = "touch has-run" }
      batch:job { id = "b", command = "touch has-run", sandbox = { memory_limit_mb = 128 } }
      return batch]])
    batch.write("own.jsonl", '{"id":"b","command":"touch has-run","sandbox":{}}\n')
    for _, words in ipairs { "own.lua --no-sandbox", "--no-sandbox --jsonl own.jsonl" } do
      local code, errors = refused(words)
      assert.equal(1, code)
      assert.matches("job 'b': it has a sandbox of its own, and --no-sandbox has none", errors, 1,
        true)
    end
    assert.is_false(batch.exists "has-run")
  end)

  it("runs nothing if jobs need one another in a circle, or one that there is not", function()
    local text = [[
      local batch = require "kavach".batch { name = "graph", sandbox = false }
      for id, needs in pairs(%s) do
        batch:job { id = id, command = "touch has-run", needs = needs ~= "" and needs or nil }
      end
      return batch]]
    batch.write("graph.lua", text:format "{ a = 'b', b = 'c', c = 'a', d = '' }")
    local code, errors = refused "graph.lua"
    assert.equal(1, code)
    assert.matches("the jobs' needs are a circle: '%l' needs '%l' needs '%l' needs '%l'\n$", errors)
    batch.write("graph.lua", text:format "{ a = 'b', b = '', d = 'e' }")
    assert.same({ 1, "kavach: batch: job 'd' needs 'e', which there is not\n" },
      { refused "graph.lua" })
    assert.is_false(batch.exists "has-run")
    assert.is_false(batch.exists "state/kavach/batch/graph.db")
  end)

  it("keeps a batch that there is, unless it is to go on or be made anew", function()
    assert.equal(0, (batch.shell "$K batch fine.lua"))
    local code, errors = refused "fine.lua"
    assert.equal(1, code)
    assert.matches("there is a batch 'fine' already: `kavach batch resume fine` goes on with it, "
      .. "--replace makes it anew, --name gives this one another", errors, 1, true)
    assert.equal(0, (batch.shell "$K batch fine.lua --resume"))
    assert.same({ a = 1 }, batch.tries "fine")
    assert.equal(0, (batch.shell "$K batch fine.lua --replace"))
    assert.same({ a = 1 }, batch.tries "fine")
    assert.equal(0, (batch.shell "$K batch fine.lua --name other"))
    code, errors = refused "fine.lua --name third --resume"
    assert.equal(1, code)
    assert.matches("there is no batch 'third'; see kavach batch list", errors, 1, true)
    for _, name in ipairs { "status", "../x", "a/b", ".x" } do
      assert.equal(1, (refused("fine.lua --name " .. name)))
    end
    code, errors = refused "resume nosuch"
    assert.same({ 1, "kavach: batch resume: there is no batch 'nosuch'; see kavach batch list\n" },
      { code, errors })
  end)

  it("does not go on with a script that has changed, unless it is told to", function()
    local script = [[
      local batch = require "kavach".batch { name = "change", sandbox = false }
      batch:job { id = "a", command = "echo was" }
      return batch]]
    batch.write("change.lua", script)
    batch.ok "$K batch change.lua"
    for i, line in ipairs { "change.lua --resume", "resume change" } do
      batch.write("change.lua", (script:gsub("was", "is" .. i)))
      local code, errors = refused(line)
      assert.equal(1, code)
      assert.matches("change.lua is not what it was when batch 'change' began; --changed goes on",
        errors, 1, true)
      assert.equal(0, (batch.shell("$K batch " .. line .. " --changed")))
      batch.ok("$K batch " .. line) -- it is the batch's script now
    end
    assert.same({ a = 1 }, batch.tries "change")
  end)

  it("gives a script its arguments, and wins over its options", function()
    batch.write("args.lua", [[
      local batch = require "kavach".batch { name = "args", sandbox = false, jobs = 1 }
      batch:job { id = "a", command = { "echo", arg[0], tostring(#arg), table.unpack(arg) } }
      batch:job { id = "b", command = { "echo", tostring(select("#", ...)), ... } }
      return batch]])
    assert.equal("args.lua 4 a  b c --x\n4 a  b c --x\n",
      (batch.ok "$K batch args.lua --output a '' 'b c' --x"))
    assert.equal("args.lua 1 --tag\n1 --tag\n",
      (batch.ok "$K batch args.lua --replace --output -- --tag"))
    batch.write("fail", "")
    local code, out = batch.shell "$K batch fine.lua --name mine --output -q --retries 1 \\\
      --retry-delay 1ms --env A=from --workdir /"
    os.remove(batch.folder .. "/fail")
    assert.same({ 0, "from /\n" }, { code, out }) -- there is no file "fail" in /
    batch.write("fail", "")
    code = batch.shell "$K batch fine.lua --name mine --replace --retries 1 --retry-delay 1ms"
    assert.same({ 2, { a = 2 } }, { code, batch.tries "mine" })
    os.remove(batch.folder .. "/fail")
  end)

  it("has help for itself and each of its verbs", function()
    assert.matches("\n   batch       %u", batch.ok "$K --help")
    for _, verb in ipairs { "", "resume", "status", "logs", "report", "list", "remove", "pause",
      "continue", "cancel", "jobs" } do
      local help = batch.ok(("$K batch %s --help"):format(verb))
      assert.matches("^Usage: kavach batch", help)
      assert.matches("Exit codes:", help, 1, true)
      assert.matches("\nExamples?:\n", help)
      assert.matches("kavach batch[%l|]* ?[%l|]*" .. verb, batch.ok "$K batch --help")
    end
  end)
end)
