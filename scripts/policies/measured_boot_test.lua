local good, withdrawn, other = filled("a1", 48), filled("b2", 48), filled("c3", 48)

given {
  data = {
    releases = {
      [good] = { version = "2.4.1", svn = 7 },
      [withdrawn] = { version = "2.3.0", svn = 4 },
    },
  },
}

describe("measured boot", function()
  cases {
    { "allows a release", evidence.genuine { measurement = good, guest_svn = 7 },
      allowed = true },
    { "denies a withdrawn one", evidence.genuine { measurement = withdrawn, guest_svn = 4 },
      denied = "the release was not withdrawn", because = "2.3.0 was withdrawn" },
    { "denies what is no release", evidence.genuine { measurement = other, guest_svn = 7 },
      denied = { "the launch digest is of a release", "the release was not withdrawn",
        "the guest's SVN is that of the release" } },
    { "denies an SVN that the release does not have",
      evidence.genuine { measurement = good, guest_svn = 6 },
      denied = "the guest's SVN is that of the release" },
    { "has what the strict baseline asks for",
      evidence.genuine { measurement = good, guest_svn = 7, vmpl = 2 }, denied = "policy.vmpl" },
  }
end)
