--- Attempts in sandboxes. They are stand-ins, whose agent runs on this machine: no VM boots.

local attempt = require "kavach.batch.attempt"
local attempts = require "support.attempts"
local boxes = require "kavach.batch.attempt.boxes"
local core = require "kavach.core"
local host = require "support.host"
local kavach = require "kavach"
local lfs = require "lfs"
local standin = require "support.standin"

local folder, remove, native
setup(function()
  folder, remove = host.folder()
  standin.setup()
  native = standin.native()
end)
teardown(function()
  standin.teardown()
  remove()
end)

-- Runs a job: what became of it, and the QEMUs that were told of.
local function run(job, more)
  local pids = {}
  local context = { on_started = function(about) pids[#pids + 1] = about end }
  for key, value in pairs(more or {}) do context[key] = value end
  job.sandbox = job.sandbox or standin.options(native)
  local result
  result, context = attempts.run(folder, job, context)
  return result, pids, context
end

local function gone(pids)
  for _, about in ipairs(pids) do
    if standin.alive(about.pid) then return false end
  end
  return #pids > 0
end

describe("an attempt of a job in a sandbox", function()
  it("gives what became of it, and ends its sandbox", function()
    local r, pids = run { command = "echo out; echo err >&2; exit 3" }
    assert.same({ 3, "exit code 3", false, false, "tcg" },
      { r.exit_code, r.reason, r.timed_out, r.oom_killed, r.backend })
    assert.same({ "out\n", "err\n" }, { r.stdout.text, r.stderr.text })
    assert.is_true(r.boot_ms > 0 and r.started_ns < r.ended_ns)
    assert.equal(1, #pids)
    assert.is_true(gone(pids))
  end)

  it("tells which process QEMU is while it runs", function()
    local start, expected
    run({ command = "true" }, { on_started = function(about)
      local stat = host.slurp(("/proc/%d/stat"):format(about.pid))
      local fields = {}
      for field in stat:match "^.*%) (.*)$":gmatch "%S+" do fields[#fields + 1] = field end
      start, expected = about.pid_start, tonumber(fields[20]) -- of those behind the name
    end })
    assert.equal("integer", math.type(start))
    assert.equal(expected, start)
  end)

  it("gets its words, folder, input and environment", function()
    local options = standin.options(native, { env = { OF_BOX = "1", BOTH = "the box's" } })
    local r = run {
      command = { "sh", "-c", 'pwd; cat; env; echo "$@"', "x", "a b", "'" }, cwd = "/usr",
      stdin = "some input\n", sandbox = options, env = { OWN = "2", BOTH = "the job's" },
    }
    assert.matches("^/usr\nsome input\n", r.stdout.text)
    assert.matches("\na b '\n$", r.stdout.text)
    for _, line in ipairs {
      "OF_BOX=1", "OWN=2", "BOTH=the job's", "KAVACH_BATCH=some-batch", "KAVACH_JOB=some/job",
      "KAVACH_ATTEMPT=2", "KAVACH_SLOT=3",
    } do assert.truthy(("\n" .. r.stdout.text):find("\n" .. line .. "\n", 1, true), line) end
    assert.is_nil(r.stdout.text:find "KAVACH_BATCH_RUN")
    assert.equal("", run({ command = { "cat" } }).stdout.text)
  end)

  it("that floods keeps what it may in a file", function()
    local r = run { command = "head -c 100000 /dev/zero; echo end >&2", max_output = 90000 }
    assert.same({ 0, 100000, 90000, true, "end\n" },
      { r.exit_code, r.stdout.bytes, r.stdout.kept, r.stdout.truncated, r.stderr.text })
    assert.equal(90000, #host.slurp(r.stdout.path))
  end)

  it("of a program that is not there ends as in a shell; of a folder, is an error", function()
    local r = run { command = { "nonesuch-program" } }
    assert.same({ 127, "nonesuch-program: not found in the guest" }, { r.exit_code, r.reason })
    assert.is_nil(r.error)
    r = run { command = { "/etc/passwd" } }
    assert.same({ 126, "/etc/passwd: permission denied in the guest" }, { r.exit_code, r.reason })
    r = run { command = "true", cwd = "/nonesuch" }
    assert.same({ -1, "exec_failed" }, { r.exit_code, r.error.kind })
  end)

  it("whose sandbox cannot be is an error", function()
    local r = run { command = "true", sandbox = { kernel = "/nonesuch", backend = "tcg" } }
    assert.equal(-1, r.exit_code)
    assert.matches("/nonesuch", r.reason, 1, true)
    assert.equal(r.reason, tostring(r.error))
    r = run { command = "true", sandbox = { memory = 5 } }
    assert.matches("memory", tostring(r.error))
  end)

  it("whose QEMU is killed in the middle is an error, and not one of its command's", function()
    local pid
    local context = attempts.context(folder, { on_started = function(about) pid = about.pid end })
    local task = kavach.spawn(attempt.run, attempts.job {
      command = "echo before; sleep 60", sandbox = standin.options(native),
    }, context)
    assert.is_true(host.eventually(function() return attempt.last_line(context) == "before" end))
    assert(os.execute("kill -9 " .. pid))
    local r = task:await()
    assert.same({ -1, false, "before\n" }, { r.exit_code, r.timed_out, r.stdout.text })
    assert.equal("io", r.error.kind)
    assert.matches("signal 9", r.reason)
  end)

  it("that is cancelled has no sandbox any more when it returns", function()
    for _, command in ipairs { "echo up; sleep 60", "" } do -- the second: while it starts
      local pid
      local path = command == "" and standin.shell "exec sleep 60" or native
      local context = attempts.context(folder, { on_started = function(about) pid = about.pid end })
      local task = kavach.spawn(attempt.run, attempts.job {
        command = command == "" and "true" or command, sandbox = standin.options(path),
      }, context)
      assert.is_true(host.eventually(function()
        return attempt.last_line(context) == "up" or command == "" and pid
      end))
      task:cancel()
      assert.equal("cancelled", select(2, task:await()).kind)
      assert.is_false(standin.alive(pid))
    end
  end)
end)

describe("the time of a job in a sandbox", function()
  it("ends its command, with what it printed", function()
    local r, pids = run { command = "trap '' TERM; echo before; sleep 60; sleep 60",
      timeout_ms = 700, grace_ms = 50 }
    assert.same({ -1, true, 9, "before\n", "the time was up (700 ms)" },
      { r.exit_code, r.timed_out, r.signal, r.stdout.text, r.reason })
    assert.is_nil(r.error)
    assert.is_true(gone(pids))
  end)

  it("is that of the boot, too", function()
    local r, pids = run { command = "true", timeout_ms = 300,
      sandbox = standin.options(standin.shell "exec sleep 60") }
    assert.same({ -1, true, "the time was up (300 ms)" }, { r.exit_code, r.timed_out, r.reason })
    assert.is_nil(r.error)
    assert.is_true(gone(pids))
  end)

  it("is that of copying in and out, too", function()
    for _, job in ipairs {
      { put = { { source = host.endless(folder .. "/endless"), target = folder .. "/target" } } },
      { get = { { pattern = folder .. "/endless" } } },
    } do
      job.command, job.timeout_ms = "true", 400
      local r, pids, context = run(job)
      assert.same({ -1, true }, { r.exit_code, r.timed_out })
      assert.equal("the time was up (400 ms)", r.reason)
      assert.is_nil(r.files)
      assert.is_true(gone(pids))
      assert.is_nil(lfs.attributes(context.folder .. "/files.part"))
    end
  end)
end)

describe("the files of a job in a sandbox", function()
  local guest -- a folder that the stand-in's commands work in
  before_each(function()
    guest = assert(core.private_dir())
  end)
  after_each(function() core.remove_dir(guest) end)

  local function got(r)
    local list = {}
    for i, file in ipairs(r.files or {}) do list[i] = file.path end
    return list
  end

  it("are put before, in folders that are made for them", function()
    host.write(folder .. "/file", "one")
    assert(core.private_directory(folder .. "/tree/sub"))
    host.write(folder .. "/tree/sub/two", "two")
    local r = run {
      command = "cat a/b/file tree/sub/two ./-x/y", cwd = guest,
      put = {
        { source = folder .. "/file", target = guest .. "/a/b/file" },
        { source = folder .. "/tree", target = guest .. "/tree" },
        { source = folder .. "/file", target = guest .. "/-x/y" },
      },
    }
    assert.same({ nil, "onetwoone" }, { r.reason, r.stdout.text })
  end)

  it("that cannot be put are an error", function()
    local r = run { command = "true", put = { { source = "/nonesuch", target = "/tmp/x" } } }
    assert.equal(-1, r.exit_code)
    assert.equal("put: /nonesuch: No such file or directory", r.reason)
    r = run { command = "true", put = { { source = "/etc/passwd", target = "/proc/x/y" } } }
    assert.matches("^put: .*/proc/x", r.reason)
  end)

  it("are got afterwards: those that match, each with its digest", function()
    local r, _, context = run {
      command = [[mkdir -p out/sub; cd out; printf 1 >1.png; printf 22 >"a b
.png"; printf x >.hidden.png; printf x >1.jpg; ln -s 1.png link.png]], cwd = guest,
      get = { { pattern = "out/*.png" }, { pattern = "./out//1.*" } },
    }
    assert.is_nil(r.reason)
    assert.same({ "out/1.jpg", "out/1.png", "out/a b\n.png", "out/link.png" }, got(r))
    assert.same({ path = "out/a b\n.png", bytes = 2, digest = "xxh128:" .. core.hash "22" },
      r.files[3])
    assert.equal(context.folder .. "/files.part", r.files_path)
    assert.equal("22", host.slurp(r.files_path .. "/out/a b\n.png"))
    assert.equal("file", lfs.symlinkattributes(r.files_path .. "/out/link.png", "mode"))
  end)

  it("may be named from the root, and have another place as well", function()
    local r = run {
      command = "echo x >one; echo y >two", cwd = guest,
      get = { { pattern = guest .. "/one", target = "/some/where" }, { pattern = guest .. "/t*" } },
    }
    assert.same({ guest:sub(2) .. "/one", guest:sub(2) .. "/two" }, got(r))
    assert.equal("/some/where", r.files[1].target)
    assert.equal("x\n", host.slurp(r.files_path .. guest .. "/one"))
  end)

  it("may be a folder, whose digest is that of all that is in it", function()
    local r = run {
      command = "mkdir -p out/sub/empty; printf 1 >out/b; printf 22 >out/sub/c; ln -s b out/a",
      cwd = guest, get = { { pattern = "out" }, { pattern = "out/sub/*" }, { pattern = "ou?/b" } },
    }
    assert.is_nil(r.reason)
    local lines = ("link b  a\n%s  b\n%s  sub/c\n"):format(core.hash "1", core.hash "22")
    assert.same({ path = "out", bytes = 3, entries = 3, digest = "xxh128:" .. core.hash(lines) },
      r.files[1])
    -- What is in it has come with it.
    assert.same({ "out", "out/b", "out/sub/c", "out/sub/empty" }, got(r))
  end)

  it("have names with nothing magic but stars, question marks and brackets", function()
    local names = { "$(touch x)", "`id`", "a'b", "\\", "-n", " ", "~", "#", "{a,b}", "\xff" }
    local get = {}
    for i, name in ipairs(names) do
      get[i] = { pattern = name:sub(1, -2) .. "[" .. name:sub(-1) .. "]" }
      host.write(guest .. "/" .. name, name)
    end
    local r = run { command = "true", cwd = guest, get = get }
    table.sort(names)
    assert.same({ nil, names }, { r.reason, got(r) })
  end)

  it("of which there are none fail a job that else succeeded, and keep the others", function()
    local r = run { command = "echo x >there", cwd = guest,
      get = { { pattern = "out/*.png" }, { pattern = "there" } } }
    assert.same({ 0, "get: 'out/*.png' matches nothing" }, { r.exit_code, r.reason })
    assert.same({ "there" }, got(r))
    r = run { command = "true", cwd = guest, get = { { pattern = "nonesuch" } } }
    assert.equal("get: 'nonesuch' matches nothing", r.reason)
    assert.is_nil(r.files_path)
    r = run { command = "exit 4", cwd = guest, get = { { pattern = "out/*.png" } } }
    assert.equal("exit code 4", r.reason)
  end)

  it("are got of a command that failed as well", function()
    local r = run { command = "echo log >log; exit 4", cwd = guest, get = { { pattern = "l*" } } }
    assert.same({ "exit code 4", "log" }, { r.reason, r.files[1].path })
  end)

  it("land nowhere else, whatever they are called", function()
    for _, wanted in ipairs { "../x", "a/../../x", "/../etc/passwd", ".." } do
      local r, _, context = run { command = "true", cwd = guest, get = { { pattern = wanted } } }
      assert.equal(("get: '%s' must not lead out of its folder by '..'"):format(wanted), r.reason)
      assert.is_nil(r.files)
      assert.is_nil(lfs.attributes(context.folder .. "/files.part"))
    end
    -- A folder that is a link to one outside of it: the guest's own affair; here it is a folder.
    host.write(guest .. "/secret", "of the guest")
    local r = run { command = ("mkdir w; ln -s %s w/link"):format(guest), cwd = guest,
      get = { { pattern = "w/link/sec*" }, { pattern = "w/.*/secret" } } }
    assert.equal("get: 'w/.*/secret' matches nothing", r.reason)
    assert.same({ "w/link/secret" }, got(r))
    assert.equal("directory", lfs.symlinkattributes(r.files_path .. "/w/link", "mode"))
    -- A folder with a link out of it is refused, with all that came.
    r = run { command = "mkdir d; ln -s /etc d/link; echo x >a", cwd = guest,
      get = { { pattern = "a" }, { pattern = "d" }, { pattern = "d/link/passwd" } } }
    assert.matches("^get: .*link", r.reason)
    assert.is_nil(r.files)
  end)

  it("with one name and two places are refused", function()
    host.write(guest .. "/passwd", "x")
    local r = run { command = "true", cwd = guest,
      get = { { pattern = guest .. "/passwd" }, { pattern = guest:sub(2) .. "/passwd" } } }
    -- The second is in a folder that is not there.
    assert.equal(("get: '%s/passwd' and another pattern name two files '%s/passwd'")
      :format(guest:sub(2), guest:sub(2)), r.reason)
  end)
end)

describe("a pool of sandboxes", function()
  it("gives one to each job with the batch's own options, and to no other", function()
    local options = standin.options(native)
    local first <close> = assert(kavach.sandbox(options))
    local given = { take = function() return first end }
    local r = run({ sandbox = options, command = "true" }, { pool = given, pooled = options })
    assert.equal(0, r.exit_code)
    assert.equal("destroyed", first:state())
    local other, pids = run({ sandbox = standin.options(native), command = "true" },
      { pool = given, pooled = options })
    assert.equal(0, other.exit_code)
    assert.is_true(gone(pids))
  end)

  it("that has none says why", function()
    local options = standin.options(native)
    local r = run({ sandbox = options, command = "true" }, { pooled = options, pool = {
      take = function() return nil, require("kavach.err").new("creation_failed", "no guest") end,
    } })
    assert.same({ -1, "no guest" }, { r.exit_code, r.reason })
  end)
end)

describe("sandboxes for many jobs", function()
  local keeper
  before_each(function() keeper = boxes.new() end)
  after_each(function() keeper:close() end)

  -- Runs a job in one; the number of its QEMU.
  local function reuse(job, options)
    job.reuse, job.sandbox = true, options or standin.options(native)
    local r, pids = run(job, { boxes = keeper })
    return pids[#pids].pid, r
  end

  it("are used one after the other by jobs with equal options", function()
    local first, r = reuse { command = "exit 1" }
    assert.is_true(r.boot_ms > 0)
    local second
    second, r = reuse { command = "true" }
    assert.same({ first, 0, 0 }, { second, r.boot_ms, r.exit_code })
    assert.equal(first, (reuse { command = { "nonesuch" } }))
    assert.equal(first, (reuse { command = "true", get = { { pattern = "/nonesuch" } } }))
    local other = reuse({ command = "true" }, standin.options(native, { env = { A = "1" } }))
    assert.not_equal(first, other)
    assert.equal(first, (reuse { command = "true" }))
    assert.equal(other,
      (reuse({ command = "true" }, standin.options(native, { env = { A = "1" } }))))
    keeper:close()
    assert.is_true(gone { { pid = first }, { pid = other } })
  end)

  it("are used by one job at a time", function()
    local seen = {}
    kavach.map({ 1, 2, 3 }, nil, function(i)
      seen[i] = reuse { command = "sleep 0.3" }
    end)
    assert.is_true(seen[1] ~= seen[2] and seen[2] ~= seen[3] and seen[1] ~= seen[3])
  end)

  it("leave no process of one job to the next", function()
    local marker = host.marker()
    reuse { command = ("sleep %s & sleep 0"):format(marker) }
    assert.is_true(host.gone(marker))
  end)

  it("are not used again after a job whose time was up", function()
    local first = reuse { command = "sleep 60", timeout_ms = 200 }
    assert.is_true(gone { { pid = first } })
    assert.not_equal(first, (reuse { command = "true" }))
  end)

  -- The agent that a stand-in has started, by way of a supervisor.
  local function agent_of(pid)
    return tonumber(host.slurp(("/proc/%d/task/%d/children"):format(host.supervisor(pid),
      host.supervisor(pid))):match "%d+")
  end

  it("are not used again once they are dead, or do not answer", function()
    for _, signal in ipairs { 9, 19 } do -- SIGKILL, SIGSTOP
      local first = reuse { command = "true" }
      local agent = agent_of(first)
      assert(os.execute(("kill -%d %d"):format(signal, agent)))
      assert.is_true(host.eventually(function()
        return not standin.alive(agent)
          or host.slurp(("/proc/%d/stat"):format(agent)):match "%) (%a)" == "T"
      end))
      local second, r = reuse { command = "true" }
      assert.same({ 0, false }, { r.exit_code, standin.alive(first) })
      assert.not_equal(first, second)
      keeper:shrink(0)
    end
  end)

  it("go when their memory is wanted and they have waited", function()
    local first = reuse { command = "true" }
    assert.equal(512, keeper:memory_mb())
    assert.equal(0, keeper:shrink(60000))
    assert.is_true(standin.alive(first))
    assert.equal(512, keeper:shrink(0))
    assert.is_true(gone { { pid = first } })
    assert.equal(0, keeper:memory_mb())
  end)

  it("that come back to a keeper that is closed end", function()
    keeper:close()
    assert.is_true(gone { { pid = (reuse { command = "true" }) } })
  end)
end)
