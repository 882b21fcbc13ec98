"""What signs people out: triggers, so that it happens whatever changes a person or a role.

A new password, a deactivation, a role that ends or changes, and a call to sign somebody out: sessions name the
epoch in which they began, tokens are deleted. An epoch never goes back, whoever saves an old copy of the row.
"""

from __future__ import annotations

FUNCTIONS = """
create or replace function daymark_person() returns trigger language plpgsql
set search_path = pg_catalog, public, pg_temp as $$ begin
    new.session_epoch := greatest(new.session_epoch, old.session_epoch);
    if old.is_active and not new.is_active then new.session_epoch := new.session_epoch + 1; end if;
    if new.password is distinct from old.password then new.failed_signins := 0; end if;
    if new.password is distinct from old.password or new.session_epoch > old.session_epoch then
        delete from knox_authtoken where user_id = old.id;
    end if;
    return new;
end $$;

create or replace function daymark_role() returns trigger language plpgsql
set search_path = pg_catalog, public, pg_temp as $$ begin
    update patients_user set session_epoch = session_epoch + 1 where id = old.user_id;
    return null;
end $$;
"""

TRIGGERS = """
drop trigger if exists daymark_person on patients_user;
create trigger daymark_person before update on patients_user for each row execute function daymark_person();
drop trigger if exists daymark_role on patients_membership;
create trigger daymark_role after update or delete on patients_membership
    for each row execute function daymark_role();
"""
