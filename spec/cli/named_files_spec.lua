-- A FIFO that nobody writes to, given wherever a file is meant: nothing may wait for it.

local attested = require "support.attested"
local host = require "support.host"
local program = require "support.program"
local snp = require "kavach.snp"

local FIFO <const> = "it is a FIFO, not a regular file"

describe("A FIFO given for a file", function()
  local platform, remove_platform, folder, remove
  setup(function()
    platform, remove_platform = attested.platform "milan"
    folder, remove = host.folder()
    host.write(folder .. "/evidence", assert(platform:evidence { report_data = attested.NONCE }))
    host.write(folder .. "/report.bin", attested.bytes())
    host.write(folder .. "/policy.json", [[{ "format": "kavach-policy", "name": "dev",
      "requires": { "simulated": "allowed" } }]])
    host.write(folder .. "/good.lua", 'policy "good"\ninclude "base"\n')
    assert.equal(0, (program.shell("cd " .. folder .. [[ && mkfifo fifo fifo.lua base.lua
      mkdir of-report of-certificate of-emulator tests
      mkfifo of-report/report.bin of-certificate/vcek.pem of-emulator/emulator.json tests/x_test.lua
      cp report.bin of-certificate]])))
  end)
  teardown(function()
    remove()
    remove_platform()
  end)

  -- Runs a line of Bash in which K is kavach and the folder is the current one.
  local function shell(line)
    local script = host.write(folder .. "/line", ([[
cd '%s'
K() { timeout -s KILL 8 '%s' "$@"; }
%s
]]):format(folder, program.absolute, line))
    return program.shell("bash " .. script)
  end

  local VERIFY <const> = "K verify --now " .. attested.NOW .. " "

  for line, expected in pairs {
    ["K run --image fifo true"] = { 125, FIFO },
    ["K run --root fifo true"] = { 125, "Not a directory" },
    ["K run --kernel fifo true"] = { 125, FIFO },
    ["K run --initrd fifo true"] = { 125, FIFO },
    ["KAVACH_INITRD=fifo K run true"] = { 125, FIFO },
    ["KAVACH_QEMU=./fifo K run true"] = { 125, "not a regular file" },
    ["K run --env-file fifo true"] = { 125, FIFO },
    ["K start --env-file fifo"] = { 125, FIFO },
    [VERIFY .. "fifo"] = { 1, FIFO },
    [VERIFY .. "of-report"] = { 1, FIFO },
    [VERIFY .. "of-certificate"] = { 1, FIFO },
    [VERIFY .. "evidence fifo"] = { 1, FIFO },
    [VERIFY .. "evidence --policy ./fifo"] = { 1, FIFO },
    [VERIFY .. "evidence --policy fifo.lua"] = { 1, FIFO },
    [VERIFY .. "evidence --policy good.lua"] = { 2, FIFO },
    [VERIFY .. "evidence --trust-root fifo"] = { 1, FIFO },
    [VERIFY .. "evidence --crl fifo"] = { 1, FIFO },
    [VERIFY .. "evidence --emulator of-emulator"] = { 1, FIFO },
    [VERIFY .. "evidence --decision-log fifo"] = { 1, "it is a FIFO that nobody reads" },
    ["K report fifo"] = { 1, FIFO },
    ["K policy check fifo.lua"] = { 1, FIFO },
    ["K policy test tests"] = { 2, FIFO },
    ["K measure --ovmf fifo --vcpus 1"] = { 1, FIFO },
    ["K measure --measurement " .. ("0"):rep(96) .. " --idkey fifo"] = { 1, FIFO },
  } do
    it("is an error of " .. line:gsub("%d+", "N"), function()
      local code, out, errors = shell(line)
      assert.equal(expected[1], code, out .. errors)
      assert.matches(expected[2], out .. errors, 1, true)
    end)
  end

  it("is another matter if it was handed over as a descriptor", function()
    local options = ("--emulator %s --nonce %s "):format(platform.dir, snp.hex(attested.NONCE))
    for _, line in ipairs {
      VERIFY .. options .. "<(cat evidence) --policy <(cat policy.json)",
      "cat evidence | " .. VERIFY .. options .. "/dev/stdin --policy ./policy.json",
      "cat evidence >fifo & " .. VERIFY .. options .. "/dev/stdin --policy ./policy.json <fifo",
      VERIFY .. options .. "evidence --policy development --decision-log >(cat >log); wait $!"
        .. "; grep -q decision_id log",
    } do
      local code, out, errors = shell(line)
      assert.equal(0, code, line .. out .. errors)
    end
  end)
end)
