-- What jobs a command line is of, and where what they print goes.

local batch = require "support.batch_program"
local json = require "kavach.json"

local function events(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do list[#list + 1] = assert(json.decode(line)) end
  return list
end

describe("kavach batch", function()
  setup(batch.setup)
  teardown(batch.teardown)

  it("runs a command for each line of standard input", function()
    local code, out, errors = batch.shell "seq 200 | $K batch --no-sandbox --jobs 4 --name seq \\\
      --command 'echo {}' --joblog L --results R"
    assert.equal(0, code)
    local lines = batch.sorted(out)
    assert.equal(200, #lines)
    for i = 1, 200 do lines[i] = tonumber(lines[i]) end
    table.sort(lines)
    for i = 1, 200 do assert.equal(i, lines[i]) end
    assert.equal("200\n", batch.ok "ls R | wc -l")
    assert.equal("77\n", batch.read "R/77/stdout")
    local log = batch.read "L"
    assert.matches("^Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n",
      log)
    assert.equal(201, select(2, log:gsub("\n", "")))
    assert.matches("\techo 77\n", log, 1, true)
    assert.matches("batch seq: finished: 200 done in", errors, 1, true)
  end)

  it("takes words, files, columns, commands and a program behind --", function()
    for line, expected in pairs {
      ["--command 'echo {}' a \"b'c\" '$(x)'"] = { "$(x)", "a", "b'c" },
      ["-a lines --command 'echo {#}:{}'"] = { "1:x y", "2:z" },
      ["-a commands"] = { "1", "2" },
      ["-a lines -- printf '[%s]\\n'"] = { "[x y]", "[z]" },
      ["-a table --csv --header --id '{name}' --command 'echo {size}-{name}'"] =
        { "2-a, b", "3-c" },
      ["--jsonl tables"] = { "from json" },
      ["-0 -a nuls --command 'printf %s\\\\n {}'"] = { "one", "two" },
    } do
      batch.write("lines", "x y\n\nz\n")
      batch.write("commands", "echo 1\necho 2\n")
      batch.write("table", 'name,size\n"a, b",2\nc,3\n')
      batch.write("tables", '{"id":"j","command":["echo","from json"]}\n')
      batch.write("nuls", "one\0two\0")
      assert.same(expected, batch.sorted(batch.ok("$K batch --no-sandbox -q " .. line)), line)
    end
  end)

  it("starts a job as soon as its line is there", function()
    local p <close> = batch.start "$K batch --no-sandbox --command '$T/until {}; echo {}'"
    p:write "early\n"
    batch.has_begun "early"
    batch.let_go "early"
    batch.prints(p, "early\n")
    p:write "late\n"
    batch.let_go "late"
    batch.prints(p, "late\n")
    p.stdin:close()
    assert.equal(0, batch.exit(p))
  end)

  it("prints what jobs print in their order, if asked to", function()
    local p <close> = batch.start "$K batch --no-sandbox -k --jobs 3 --command '$T/until k{}; \\\
      echo {}' 1 2 3"
    for i = 3, 1, -1 do
      batch.has_begun("k" .. i)
      batch.let_go("k" .. i)
    end
    assert.equal("1\n2\n3\n", batch.rest(p))
  end)

  it("prints in order, and at once, what a batch that is resumed has left", function()
    batch.shell "$K batch --no-sandbox -k --name ko --jobs 1 --halt now,fail=1 --command '\\\
      if [ {} = 3 ] && ! [ -e again ]; then exit 1; fi; [ {} = 5 ] && $T/until ko; echo {}' \\\
      1 2 3 4 5"
    batch.write("again", "")
    local p <close> = batch.start "$K batch resume ko --failed"
    -- While the fifth runs; that the first two are over is known.
    batch.prints(p, "3\n")
    batch.prints(p, "4\n")
    batch.let_go "ko"
    batch.prints(p, "5\n")
    assert.equal(0, batch.exit(p))
  end)

  it("has each line begin with its job, if asked to", function()
    assert.same({ "a\tx", "a\ty", "b\tx", "b\ty" }, batch.sorted(
      batch.ok "$K batch --no-sandbox -q --tag --command 'printf \"x\\ny\\n\"; : {}' a b"))
  end)

  it("keeps outputs to itself with --no-output, and those of a script without --output", function()
    batch.write("quiet.lua", [[
      local batch = require "kavach".batch { name = "quiet", sandbox = false }
      batch:job { id = "a", command = "echo out; echo err >&2" }
      return batch]])
    local code, out, errors = batch.shell "$K batch --no-sandbox --no-output \\\
      --command 'echo {}; echo {}err >&2' aa"
    assert.same({ 0, "" }, { code, out })
    assert.not_matches("aaerr", errors)
    code, out, errors = batch.shell "$K batch quiet.lua"
    assert.same({ 0, "" }, { code, out })
    assert.not_matches("\nerr\n", errors)
    code, out, errors = batch.shell "$K batch quiet.lua --replace --output -q"
    assert.same({ 0, "out\n" }, { code, out })
    assert.matches("^err\nkavach: batch quiet: finished: 1 done in [%d.]+ s\n$", errors)
  end)

  it("tells failures and the end alone with --quiet", function()
    local code, out, errors = batch.shell "$K batch --no-sandbox -q --jobs 1 --name quieter \\\
      --command 'exit {}' 0 3"
    assert.same({ 2, "" }, { code, out })
    assert.matches("^kavach: batch quieter: 2/2 failed  3: exit code 3  %([%d.]+ s, attempt 1%)\n"
      .. "kavach: batch quieter: finished: 1 done, 1 failed in [%d.]+ s\n$", errors)
  end)

  it("has its events on standard output with --json, and nothing else there", function()
    local code, out = batch.shell "$K batch --no-sandbox --json --jobs 1 --name js \\\
      --command 'printf {}' a '\xff'"
    assert.equal(0, code)
    local list, ended, count = events(out), {}, {}
    for _, e in ipairs(list) do
      count[e.event] = (count[e.event] or 0) + 1
      if e.event == "ended" then ended[#ended + 1] = e end
    end
    assert.same({ begin = 1, total = 1, started = 2, ended = 2, finished = 1 }, count)
    assert.same({ "begin", 1, "js", "finished" }, { list[1].event, list[1].version, list[1].batch,
      list[#list].event })
    assert.same({ "a", "utf-8", "\\xff", "/w==", "/w==" }, { ended[1].stdout,
      ended[1].stdout_encoding, ended[2].job, ended[2].job_base64, ended[2].stdout })
    assert.same({ 2, 0, "done" }, { list[#list].counts.done, list[#list].exit_code,
      list[#list].ending })
  end)

  it("tells a program and its arguments as the line that a shell would read", function()
    local code, out = batch.shell "$K batch --no-sandbox --json --name argv --results RA \\\
      --joblog LA -- echo 'a b' '$x' <lines"
    assert.equal(0, code)
    for _, e in ipairs(events(out)) do
      if e.event == "ended" then assert.matches("^echo 'a b' '$x' ", e.command) end
    end
    assert.matches("\techo 'a b' '$x' z\n", batch.read "LA", 1, true)
    assert.equal("echo 'a b' '$x' z", assert(json.decode(batch.read "RA/z/result.json")).command)
    assert.matches("\techo 'a b' '$x' z\n", batch.ok "$K batch report argv --joblog -", 1, true)
  end)

  it("writes the reports that are asked for, also from a script", function()
    batch.write("reports.lua", [[
      local batch = require "kavach".batch {
        name = "reports", sandbox = false, joblog = "by-script.log", report = "by-script.html" }
      batch:job { id = "a", command = "true" }
      batch:job { id = "b", command = "false" }
      return batch]])
    assert.equal(2, (batch.shell "$K batch reports.lua --junit j.xml --report mine.html -q"))
    assert.matches("<testsuite", batch.read "j.xml", 1, true)
    assert.matches("</html>", batch.read "mine.html", 1, true)
    assert.matches("\tfalse\n", batch.read "by-script.log", 1, true)
    assert.is_false(batch.exists "by-script.html")
  end)

  it("fails if a report cannot be written, also when all jobs succeed", function()
    local code, out, errors = batch.shell "$K batch --no-sandbox -q --name nowhere \\\
      --report /nowhere/r.html --command 'echo {}' a"
    assert.same({ 1, "a\n" }, { code, out })
    assert.matches("kavach: batch: --report: /nowhere/r.html: No such file", errors, 1, true)
  end)
end)
