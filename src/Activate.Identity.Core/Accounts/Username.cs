using System.Buffers;
using System.Collections.Frozen;
using Activate.Identity.Core.Errors;

namespace Activate.Identity.Core.Accounts;

/// <summary>A Unix-safe username: <c>^[a-z_][a-z0-9_-]{0,31}$</c>, never a system or cloud-image account, so that it can be a login on every cluster.</summary>
public static class Username
{
    public const int MaximumLength = 32;

    private static readonly SearchValues<char> s_first = SearchValues.Create("abcdefghijklmnopqrstuvwxyz_");
    private static readonly SearchValues<char> s_rest = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_-");

    /// <summary>Accounts that operating systems, cloud images, schedulers and common services own. Documented in docs/configuration.md.</summary>
    public static readonly FrozenSet<string> Reserved = FrozenSet.ToFrozenSet([
        // Debian and Red Hat base systems
        "root", "toor", "daemon", "bin", "sys", "sync", "games", "man", "lp", "mail", "news", "uucp", "proxy", "backup", "list", "irc", "gnats", "nobody",
        "nogroup", "adm", "shutdown", "halt", "operator", "ftp", "dbus", "messagebus", "polkitd", "tss", "sshd", "rpc", "rpcuser", "nfsnobody", "chrony",
        "ntp", "syslog", "_apt", "uuidd", "tcpdump", "dnsmasq", "avahi", "colord", "saned", "pulse", "rtkit", "usbmux", "unbound", "sssd", "setroubleshoot",
        "systemd-network", "systemd-resolve", "systemd-timesync", "systemd-coredump", "systemd-oom", "wheel", "sudo", "staff", "users", "shadow", "disk", "tape",
        // cloud images
        "admin", "administrator", "ubuntu", "debian", "rocky", "centos", "almalinux", "alma", "fedora", "rhel", "redhat", "ec2-user", "opc", "azureuser",
        "cloud-user", "cloud-init", "core", "vagrant", "packer", "google", "gce-user", "ssm-user", "bitnami", "suse", "opensuse", "sles", "alpine", "arch",
        "freebsd", "pi", "oracle", "default", "guest", "test", "user", "demo-root", "heat-admin", "stack", "ec2-instance-connect",
        // schedulers, storage and services
        "slurm", "slurmdbd", "munge", "pbs", "pbsadmin", "sge", "sgeadmin", "lsfadmin", "htcondor", "condor", "ganglia", "nagios", "prometheus", "grafana",
        "lustre", "beegfs", "gpfs", "ceph", "glusterfs", "git", "gitlab", "gitlab-runner", "gitea", "jenkins", "docker", "podman", "kubelet", "kube", "etcd",
        "www", "www-data", "web", "http", "https", "nginx", "apache", "httpd", "tomcat", "postgres", "postgresql", "mysql", "mariadb", "mssql", "redis",
        "mongodb", "memcached", "rabbitmq", "elasticsearch", "kafka", "ldap", "openldap", "slapd", "kerberos", "named", "bind", "postfix", "dovecot", "exim",
        "ansible", "puppet", "chef", "salt", "terraform", "rundeck", "zabbix", "consul", "vault", "jupyter", "jupyterhub", "rstudio", "rstudio-server",
        "hacluster", "splunk",
        // ours
        "actid", "activate", "activate-identity", "parallelworks", "pworks", "support", "security", "api", "system", "service", "anonymous", "me", "self",
        "owner", "null", "none", "everyone", "all",
    ]);

    /// <summary>Checks a username. It is not changed to fit: what somebody typed is what they get, or a refusal.</summary>
    public static Result<string> Parse(string? username, string field = "username")
    {
        if (string.IsNullOrEmpty(username))
            return Problems.Invalid(field, "username_required", "Give a username.");
        if (username.Length > MaximumLength || !s_first.Contains(username[0]) || username.AsSpan(1).ContainsAnyExcept(s_rest))
            return Problems.Invalid(field, "username_invalid",
                "A username has 1 to 32 characters: lower-case letters a-z, digits, '_' and '-', and starts with a letter or '_'.");
        return Reserved.Contains(username)
            ? Problems.Invalid(field, "username_reserved", $"'{username}' is the name of a system account on many clusters. Choose another.")
            : username;
    }
}
