-- Jobs that do what they should not, and ids that are no names.

local batch = require "support.batch_program"
local host = require "support.host"
local json = require "kavach.json"

local MIB <const> = 1024 * 1024

local function lua_string(text) return ("%q"):format(text) end

describe("a job", function()
  setup(batch.setup)
  teardown(batch.teardown)

  -- #memory: a sanitizer keeps what is freed for a while.
  it("that floods does not fill the memory, and is kept as far as is wanted #memory", function()
    local p <close> = batch.start "exec $K batch --no-sandbox -q --name flood --jobs 1 \\\
      --max-output 10485760 --command '[ {} = 1 ] || exec $T/until flood; \\\
      head -c 67108864 /dev/zero | tr \"\\0\" x; echo end >&2' 1 2"
    batch.prints(p, ("x"):rep(10 * MIB))
    batch.has_begun "flood"
    local status = host.slurp(("/proc/%d/status"):format(p:pid()))
    local peak = tonumber(status:match "VmHWM:%s*(%d+) kB") * 1024
    assert.is_true(peak < 48 * MIB, peak // MIB .. " MiB")
    batch.let_go "flood"
    assert.equal("", batch.rest(p))
    assert.equal(0, batch.exit(p))
    local reader <close> = batch.journal "flood"
    local output = reader:output(1, nil, "stdout")
    assert.same({ 64 * MIB, true }, { output.bytes, output.truncated })
    assert.equal(tostring(10 * MIB), (batch.ok "$K batch logs flood 1 --stdout | wc -c"
      :gsub("%s", "")))
    assert.equal("end\n", (batch.ok "$K batch logs flood 1 --stderr"))
  end)

  it("that leaves processes behind has them ended", function()
    local group, session = host.marker(), host.marker()
    batch.write("daemons.lua", ([[
      local kavach = require "kavach"
      local batch = kavach.batch { name = "daemons", sandbox = false, jobs = 1 }
      batch:job { id = "a", command = "sleep %s & "
        .. "setsid sh -c ': >begun-session; sleep %s' >/dev/null 2>&1 & "
        .. "until [ -e begun-session ]; do :; done" }
      batch:job { id = "b", needs = "a", command = "$T/until daemons" }
      assert(batch:run().exit_code == 0)
      print "over"
      io.stdout:flush()
      kavach.sleep(100000)]]):format(group, session))
    local p <close> = batch.start "exec $K daemons.lua"
    batch.has_begun "daemons"
    assert.same({}, host.processes(group)) -- with the job
    assert.is_true(#host.processes(session) > 0)
    batch.let_go "daemons"
    batch.prints(p, "over\n")
    assert.same({}, host.processes(session)) -- with the batch, although the program goes on
  end)

  it("that is retried, or ended, has nothing left in its way", function()
    local marker = host.marker()
    local code = batch.shell(("$K batch --no-sandbox -q --retries 1 --retry-delay 1ms --timeout "
      .. "80ms --grace 20ms --command 'trap : TERM; sleep %s & while :; do wait; done; : {}' a")
      :format(marker))
    assert.equal(2, code)
    assert.same({}, host.processes(marker))
  end)

  it("may print any bytes: they come through, and move nobody's terminal", function()
    local bytes = "a\0b\xff\27[2J\27]0;title\7\n"
    batch.write("bytes", bytes)
    local code, out, errors = batch.shell "$K batch --no-sandbox --name bytes \\\
      --command 'cat bytes; cat bytes >&2; exit {}' 3"
    assert.same({ 2, bytes }, { code, out })
    assert.matches("failed  3: exit code 3", errors, 1, true)
    assert.equal(bytes, (batch.ok "$K batch logs bytes 3 --stdout"))
    local document = assert(json.decode(batch.ok "$K batch logs bytes 3 --json"))
    assert.same({ "base64", bytes }, { document.stdout_encoding,
      require "kavach.sandbox.base64".decode(document.stdout) })
    for _, line in ipairs { "report bytes", "report bytes --html -", "report bytes --junit -",
      "status bytes" } do
      local shown = batch.ok("$K batch " .. line)
      assert.is_truthy(utf8.len(shown), line)
      assert.not_matches("\27", shown, 1, true)
      assert.not_matches("\0", shown, 1, true)
    end
  end)
end)

describe("ids of jobs", function()
  local ids <const> = {
    "a/b/../c", "line\nbreak", "q'uo\"te", ("x"):rep(10240), "no\xff\xfeutf8", "..", ".", "/",
    "-x", " ", "\27[2J", "<script>alert(1)</script>", "%2F", "日本", "&amp;]]>",
  }

  setup(function()
    batch.setup()
    local list = {}
    for i, id in ipairs(ids) do list[i] = lua_string(id) end
    batch.write("ids.lua", ([[
      local batch = require "kavach".batch { name = "ids", sandbox = false, jobs = 2 }
      for _, id in ipairs { %s } do
        batch:job { id = id, command = "printf %%s \"$KAVACH_JOB\"" }
      end
      return batch]]):format(table.concat(list, ", ")))
    batch.ok "$K batch ids.lua -q --results R --joblog L --report r.html --junit j.xml"
  end)
  teardown(batch.teardown)

  it("come through everything that is made of them", function()
    local results = {}
    for _, line in ipairs(batch.sorted(batch.ok "ls -A R")) do results[#results + 1] = line end
    assert.equal(#ids, #results)
    assert.same({}, batch.sorted(batch.ok "find . -maxdepth 1 -name '*script*' -o -name 'c'"))
    local found = {}
    for _, name in ipairs(results) do
      local file = assert(json.decode(batch.read("R/" .. name .. "/result.json")))
      assert.is_string(file.id or file.job)
      found[batch.read("R/" .. name .. "/stdout")] = true
    end
    for _, id in ipairs(ids) do assert.is_true(found[id], id) end
    assert.equal(#ids + 1, select(2, batch.read "L":gsub("\n", "")))
    local html = batch.read "r.html"
    assert.is_truthy(utf8.len(html))
    for _, bad in ipairs { "<script>alert", "\27" } do assert.not_matches(bad, html, 1, true) end
    assert.equal(#ids, select(2, batch.read "j.xml":gsub("<testcase", "")))
  end)

  it("are found by, also those that look like options", function()
    for _, id in ipairs(ids) do
      batch.write("id", id)
      local dashes = id:sub(1, 1) == "-" and "-- " or ""
      assert.equal(id, (batch.ok("$K batch logs ids --stdout " .. dashes .. "\"$(cat id)\"")), id)
    end
  end)

  it("are told as documents without loss", function()
    local document = assert(json.decode(batch.ok "$K batch report ids --json"))
    local found = {}
    for _, job in ipairs(document.jobs) do
      local bytes = job.id_base64 and require "kavach.sandbox.base64".decode(job.id_base64)
      found[bytes or job.id] = true
    end
    for _, id in ipairs(ids) do assert.is_true(found[id], id) end
  end)

  it("come but once, from a generator too", function()
    batch.write("tables", '{"id":"a","command":"echo 1"}\n{"id":"a","command":"echo 2"}\n')
    local code, _, errors = batch.shell "$K batch --no-sandbox --name twice --jsonl tables"
    assert.equal(1, code)
    assert.matches("tables:2: its id is that of job 1: 'a'", errors, 1, true)
    batch.write("generator.lua", [[
      local batch = require "kavach".batch { name = "generated", sandbox = false }
      local i = 0
      return batch:generate(function()
        i = i + 1
        return i <= 3 and { id = "same\n", command = "echo " .. i } or nil
      end)]])
    code, _, errors = batch.shell "$K batch generator.lua"
    assert.equal(1, code)
    assert.matches("the id 'same\\x0a' is there twice", errors, 1, true)
    local _, out = batch.shell "$K batch --no-sandbox -q --name equal --command 'echo {}' a a a"
    assert.equal("a\na\na\n", out)
    assert.same({ a = "done", ["a (2)"] = "done", ["a (3)"] = "done" }, batch.states "equal")
  end)
end)
