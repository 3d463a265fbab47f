--- Attempts in real guests: what a stand-in cannot show. One guest serves most of it.

local attempt = require "kavach.batch.attempt"
local attempts = require "support.attempts"
local boxes = require "kavach.batch.attempt.boxes"
local core = require "kavach.core"
local host = require "support.host"
local kavach = require "kavach"
local lfs = require "lfs"
local standin = require "support.standin"

describe("An attempt of a job in a virtual machine #vm", function()
  local folder, remove, keeper
  setup(function()
    folder, remove = host.folder()
    keeper = boxes.new()
  end)
  teardown(function()
    keeper:close()
    remove()
  end)

  local pid -- of the last QEMU
  local function context()
    return attempts.context(folder, {
      boxes = keeper, on_started = function(about) pid = about.pid end,
    })
  end

  local function job(more)
    more.sandbox, more.reuse = { backend = "tcg", memory_limit_mb = 128 }, true
    more.timeout_ms = more.timeout_ms or 60000
    return attempts.job(more)
  end

  local function run(more) return attempt.run(job(more), context()) end

  it("takes files in and out, and tells the command what it is", function()
    host.write(folder .. "/input", "from the host")
    local r = run {
      command = [[mkdir -p /job/out && cd /job/out && cp /in/some/input 1.txt && env | sort >2.txt
printf 'odd' >'$(x) "é
.txt'; ln -s /etc /job/etc; sleep 1000 & echo $KAVACH_JOB $OWN]],
      env = { OWN = "of the job" }, put = { { source = folder .. "/input",
        target = "/in/some/input" } },
      get = { { pattern = "job/out/*.txt" }, { pattern = "/job/out/1.txt", target = "/t" },
        { pattern = "job/etc/ho[rs]t*" } },
    }
    assert.same({ nil, 0, "some/job of the job\n" }, { r.reason, r.exit_code, r.stdout.text })
    assert.is_true(r.boot_ms > 0)
    local names = {}
    for i, file in ipairs(r.files) do names[i] = file.path end
    assert.same({ "job/etc/hostname", "job/etc/hosts", 'job/out/$(x) "é\n.txt',
      "job/out/1.txt", "job/out/2.txt" }, names)
    assert.same({ path = "job/out/1.txt", bytes = 13, target = "/t",
      digest = "xxh128:" .. core.hash "from the host" }, r.files[4])
    assert.equal("odd", host.slurp(r.files_path .. '/job/out/$(x) "é\n.txt'))
    assert.matches("\nKAVACH_ATTEMPT=2\n", host.slurp(r.files_path .. "/job/out/2.txt"))
    assert.equal("directory", lfs.symlinkattributes(r.files_path .. "/job/etc", "mode"))
  end)

  it("finds the files, but no process, of those before in a guest that is used again", function()
    local before = pid
    local r = run { command = "pidof sleep; cat 1.txt; head -c 300000 /dev/zero >&2",
      cwd = "/job/out" }
    assert.same({ 0, 0, "from the host", 300000, before },
      { r.exit_code, r.boot_ms, r.stdout.text, r.stderr.bytes, pid })
    assert.equal(300000, #host.slurp(r.stderr.path))
  end)

  it("that asks for what leads out gets nothing", function()
    local r = run { command = "true", cwd = "/job", get = { { pattern = "../etc/hosts" } } }
    assert.matches("must not lead out", r.reason)
    assert.is_nil(r.files)
    r = run { command = "true", cwd = "/job", get = { { pattern = ".*/etc/hosts" } } }
    assert.equal("get: '.*/etc/hosts' matches nothing", r.reason)
  end)

  it("whose time is up is ended with its guest", function()
    local before = pid
    local r = run { command = "echo before; sleep 1000", timeout_ms = 2000, grace_ms = 0 }
    assert.same({ true, -1, "before\n" }, { r.timed_out, r.exit_code, r.stdout.text })
    assert.same({ before, false }, { pid, standin.alive(before) })
  end)

  it("that wants more memory than there is says so, and its guest is not used again", function()
    local r = run { command = "echo before; exec awk 'BEGIN { x = \"x\"; while (1) x = x x }'" }
    assert.same({ true, "before\n", "the guest ran out of memory and killed a process of it" },
      { r.oom_killed, r.stdout.text, r.reason })
    assert.is_false(standin.alive(pid))
  end)

  it("whose QEMU is killed is an error with what was printed, and no more", function()
    local own = context()
    local task = kavach.spawn(attempt.run, job { command = "echo before; sleep 1000" }, own)
    assert.is_true(host.eventually(function() return attempt.last_line(own) == "before" end))
    assert(os.execute("kill -9 " .. pid))
    local r = task:await()
    assert.same({ -1, "before\n", "io" }, { r.exit_code, r.stdout.text, r.error.kind })
    assert.matches("signal 9", r.reason)
  end)
end)
