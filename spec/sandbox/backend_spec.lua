local backend = require "kavach.sandbox.backend"

-- A machine where KVM works, and SEV-SNP does not, but for what the test says.
local function machine(but)
  local m = {
    cpu_has_virt = function() return true end,
    cpu_sev = function() return { snp = false } end,
    open_kvm = function() return true end,
    run_probe = function()
      return { exit_code = 0, timed_out = false, stdout = "a VM ran under KVM\n", stderr = "" }
    end,
  }
  for key, value in pairs(but or {}) do m[key] = value end
  return m
end

local no_virt = { cpu_has_virt = function() return false end }
local broken = {
  ["the processor has neither svm nor vmx"] = no_virt,
  ["/dev/kvm: Permission denied"] = {
    open_kvm = function() return false, "/dev/kvm: Permission denied" end,
  },
  ["did not finish within 1000 ms"] = {
    run_probe = function()
      return { exit_code = -1, timed_out = true, stdout = "", stderr = "" }
    end,
  },
  ["KVM_RUN: bad"] = {
    run_probe = function()
      return { exit_code = 1, timed_out = false, stdout = "KVM_RUN: bad\n", stderr = "" }
    end,
  },
  ["kvm-probe: No such file"] = {
    run_probe = function() return nil, "kvm-probe: No such file" end,
  },
}

describe("The backend", function()
  it("is kvm where that works, and says why it is nothing better", function()
    local choice = backend.choose("auto", nil, machine())
    assert.equal("kvm", choice.name)
    assert.equal("sev-snp", choice.passed_over[1].backend)
  end)

  it("is tcg where KVM does not work, and keeps the reason", function()
    for reason, but in pairs(broken) do
      local choice = backend.choose("auto", nil, machine(but))
      assert.equal("tcg", choice.name)
      assert.equal("kvm", choice.passed_over[2].backend)
      assert.matches(reason, choice.passed_over[2].reason, 1, true)
    end
  end)

  it("kvm, asked for where it does not work, is an error that says why", function()
    for reason, but in pairs(broken) do
      local choice, why = backend.choose("kvm", nil, machine(but))
      assert.is_nil(choice)
      assert.equal("backend_unavailable", why.kind)
      assert.matches(reason, why.message, 1, true)
    end
  end)

  it("does not open the device on a processor without virtualisation", function()
    backend.choose("auto", nil, machine {
      cpu_has_virt = function() return false end,
      open_kvm = function() error "opened" end,
      run_probe = function() error "probed" end,
    })
  end)

  it("is not looked for when tcg is asked for", function()
    local choice = backend.choose("tcg", nil, machine {
      cpu_has_virt = function() error "asked" end,
    })
    assert.equal("tcg", choice.name)
  end)

  it("sev-snp fails closed, and so does anything that must be confidential", function()
    local snp = require("kavach.sandbox.snp").machine
    local hopeless = setmetatable({ cpu_sev = function() return { snp = false } end },
      { __index = snp })
    for _, ask in ipairs { { "sev-snp" }, { "auto", "required" }, { "kvm", "required" },
      { "tcg", "required" } } do
      local choice, why = backend.choose(ask[1], ask[2], machine { snp = hopeless })
      assert.is_nil(choice)
      assert.equal("backend_unavailable", why.kind)
      assert.matches("sev-snp", why.message, 1, true)
    end
  end)

  it("is what there is when confidential is only preferred", function()
    assert.equal("kvm", backend.choose("auto", "preferred", machine()).name)
  end)

  it("has the probe's own words for why KVM does not work", function()
    local result = assert(backend.machine.run_probe())
    if result.exit_code == 0 then return end -- it works here
    local works, why = backend.probe_kvm(machine { run_probe = function() return result end })
    assert.is_false(works)
    assert.not_equal("a VM of one instruction did not run", why)
    assert.equal(result.stdout, why .. "\n")
  end)

  it("is found on this machine within two seconds", function()
    local core = require "kavach.core"
    local before = core.now()
    assert.is_table(backend.choose "auto")
    assert.is_true(core.now() - before < 2000)
  end)
end)
