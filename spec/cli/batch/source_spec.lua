local core = require "kavach.core"
local err = require "kavach.err"
local host = require "support.host"
local job = require "kavach.batch.job"
local options = require "kavach.cli.options"
local program = require "support.program"
local source = require "kavach.cli.batch.source"

local function parse(...)
  local parser = options.parser("kavach batch", require("kavach.cli.batch").configure)
  return assert(options.parse(parser, { ... }))
end

local function read(...)
  local args = parse(...)
  assert.is_true(source.wants(args))
  return source.read(args)
end

-- Its jobs, and the error at the end if there is one. Each is one that job.read takes.
local function all(from)
  local list = {}
  while true do
    local spec, where = from.next()
    if not spec then return list, where end
    assert(job.read(spec, from.options))
    assert.is_string(where)
    list[#list + 1] = spec
  end
end

local function jobs(...) return all(assert(read(...))) end

local function refused(...)
  local got, message = read(...)
  assert.is_nil(got)
  assert.is_string(message)
  return message
end

describe("the source of a batch without a script", function()
  local folder, remove
  setup(function() folder, remove = host.folder() end)
  teardown(function() remove() end)

  local function file(bytes, name) return host.write(folder .. "/" .. (name or "in"), bytes) end

  it("is none where there is a script, whatever its arguments", function()
    for _, words in ipairs { { "a.lua" }, { "a.lua", "x", "--command" }, { "a.lua", "--", "-a" },
      { "a.lua", "--no-sandbox", "x" }, {} } do
      assert.is_false(source.wants(parse(table.unpack(words))))
    end
  end)

  it("is a command and words", function()
    assert.same({ { id = "a", command = "gzip -k a" }, { id = "b c", command = "gzip -k 'b c'" },
      { id = "a (2)", command = "gzip -k a" } }, jobs("--command", "gzip -k {}", "a", "b c", "a"))
    assert.same({ { id = "-v", command = "echo -v" } }, jobs("--command", "echo", "--", "-v"))
    assert.same({ { id = "a", command = "echo a" }, { id = "b", command = "echo b" } },
      jobs("a", "--command", "echo", "b"))
  end)

  it("is a program and its arguments behind --, and a file", function()
    assert.same({ { id = "a b", command = { "echo", "<a b>" } } },
      jobs("-a", file "a b\n", "--", "echo", "<{}>"))
  end)

  it("is a file of commands", function()
    assert.same({ { id = "echo 'hi'; date", command = "echo 'hi'; date" } },
      jobs("-a", file "echo 'hi'; date\n\n"))
  end)

  it("is CSV, with columns by their names, and what goes in and out", function()
    local path = file 'name,n\n"a b",1\nc,\n'
    assert.same({
      { id = "1-a b", command = "x 'a b' 1", put = { { source = "a b", target = "/d/1" } },
        get = { "a b.out" } },
      { id = "-c", command = "x c ''", put = { { source = "c", target = "/d/" } },
        get = { "c.out" } },
    }, jobs("-a", path, "--csv", "--header", "--command", "x {name} {n}", "--id", "{n}-{name}",
      "--put", "{name}:/d/{n}", "--get", "{name}.out"))
    assert.matches("--command: {nam}: there is no such column (did you mean {name}?)",
      refused("-a", path, "--csv", "--header", "--command", "x {nam}"), 1, true)
    assert.matches("--id: {3}: an input has 2 columns",
      refused("-a", path, "--csv", "--header", "--command", "x", "--id", "{3}"), 1, true)
  end)

  it("is what NULs separate, or a column text", function()
    assert.same({ { id = "a\nb", command = "echo 'a\nb'" } },
      jobs("-0", "-a", file "a\nb\0", "--command", "echo"))
    assert.same({ { id = "a b", command = "echo b a" } },
      jobs("--colsep", "\\t", "-a", file "a\tb", "--command", "echo {2} {1}"))
  end)

  it("is JSON Lines of job tables", function()
    local path = file('{"id":"a","command":["x"],"env":null}\n\n'
      .. '{"id":{"$base64":"/w=="},"command":"y"}\n')
    local from = assert(read("--jsonl", path))
    assert.same({ { id = "a", command = { "x" } }, path .. ":1" }, { from.next() })
    assert.same({ { id = "\xff", command = "y" }, path .. ":3" }, { from.next() })
    assert.is_nil(from.next())
    for line, message in pairs {
      ['{"id":'] = "in:2: unexpected end", ["[1]"] = "in:2: it is not an object",
      ['{"id":"a","command":"z"}'] = "in:2: its id is that of job 1: 'a'",
    } do
      file('{"id":"a","command":"x"}\n' .. line .. "\n")
      local list, why = jobs("--jsonl", path)
      assert.equal(1, #list)
      assert.matches(message, why.message, 1, true)
    end
  end)

  it("has an error at the end for an id that comes twice", function()
    local list, why = jobs("--command", "echo", "--id", "{/}", "a/x", "b/y", "c/x")
    assert.equal(2, #list)
    assert.equal("word 3: --id gives it 'x', as input 1 has it", why.message)
  end)

  it("says which words do not go together", function()
    for message, words in pairs {
      ["--csv needs --command"] = { "--csv" }, ["--id needs --command"] = { "--id", "x" },
      ["is 'x' a script, or an input?"] = { "x", "-a", "y" },
      ["--colsep needs --command"] = { "-a", "y", "--colsep", "," },
      ["-a is for inputs from files and standard input"] = { "--command", "x", "-a", "y", "z" },
      ["--null is for inputs from files"] = { "--command", "x", "-0", "z" },
      ["-a - is there twice"] = { "--command", "x", "-a", "-", "-a", "-" },
      ["--csv and --null exclude"] = { "--command", "x", "-a", "y", "--csv", "-0" },
      ["does not go with --command"] = { "--command", "x", "--jsonl", "y" },
      ["does not go with y"] = { "y", "--jsonl", "y" },
      ["--put is for jobs in a guest"] = { "--command", "x", "--no-sandbox", "--put", "{}", "a" },
      ["--command is empty"] = { "--command", "", "a" },
      ["--command: {} cannot stand in a comment"] = { "--command", "x # {}", "a" },
      ["--colsep: '\\d' means nothing"] = { "--command", "x", "-a", "y", "--colsep", "\\d" },
    } do
      assert.matches(message, refused(table.unpack(words)), 1, true)
    end
    local got, why = read("--command", "x", "-a", folder .. "/nothing")
    assert.is_nil(got)
    assert.is_true(err.is(why, "io"))
  end)

  it("says that jobs are plain processes", function()
    assert.same({ sandbox = false }, assert(read("--command", "x", "--no-sandbox", "a")).options)
    assert.same({}, assert(read("--command", "x", "a")).options)
  end)

  it("says whether it takes standard input, which another stream may stand for", function()
    assert.is_false(assert(read("--command", "x", "a")).stdin)
    local bytes = { "a\nb", "\n" }
    local stream = { read = function() return table.remove(bytes, 1) end, close = function() end }
    local from = assert(source.read(parse("--command", "x", "-a", "-"), stream))
    assert.is_true(from.stdin)
    assert.same({ { id = "a", command = "x a" }, { id = "b", command = "x b" } }, (all(from)))
  end)

  it("reads standard input while others run", function()
    local script = host.write(folder .. "/script.lua", [[
      local kavach = require "kavach"
      local args = { command = "echo {}", arg_file = {}, put = {}, get = {} }
      local from = assert(require "kavach.cli.batch.source".read(args))
      kavach.spawn(function()
        io.stdout:write "other\n"
        io.stdout:flush()
      end)
      print(from.next().command)
      print(from.next().command)
      print((from.next()))
    ]])
    -- The second line comes when the other task has had its turn.
    local fifo, out = folder .. "/fifo", folder .. "/out"
    local code, printed, errors = program.shell(([[
      mkfifo %s
      { echo 1; until grep -q other %s 2>/dev/null || test -e %s.over; do sleep 0.01; done
        echo 2; } > %s &
      %s %s < %s > %s; code=$?; touch %s.over; cat %s; exit $code
    ]]):format(fifo, out, out, fifo, program.absolute, script, fifo, out, out, out))
    assert.same({ 0, "" }, { code, errors })
    assert.equal("echo 1\necho 2\nnil\n", (printed:gsub("other\n", "")))
  end)

  it("asks for inputs where standard input is a terminal", function()
    local isatty = core.isatty
    core.isatty = function() return true end
    local message = refused("--command", "x")
    core.isatty = isatty
    assert.equal("no inputs: give words, -a FILE, or a pipe on standard input", message)
  end)
end)
