//! The routes of datasets, relative to `/api/v1`.

use axum::extract::{FromRequest as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode, header};
use rhiza_kernel::DatasetId;
use rhiza_web::{ApiResult, Etag, Faults, IfMatch, Json, Page, PageQuery, Path, ProblemResponses, Query, Upload};
use serde::Deserialize;
use url::Url;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::http_versions;
use super::http_wire::{DatasetFormat, ImportDataset, StoredDataset, UpdateDataset};
use super::model::{self, Format};
use super::service::{DatasetChange, Datasets};
use super::service_add::{Added, Import, Origin};
use crate::artifacts::FileContent;
use crate::protocol::{Caller, CanReadExperiments, CanWriteExperiments};
use crate::state::TrackingState;

/// The routes.
pub fn router() -> OpenApiRouter<TrackingState> {
    // An upload may take as long as it moves; its stalls are watched piece by piece.
    let adding = OpenApiRouter::new().routes(routes!(create_dataset)).layer(rhiza_web::no_timeout());
    OpenApiRouter::new()
        .routes(routes!(list_datasets))
        .routes(routes!(get_dataset, update_dataset, delete_dataset))
        .merge(adding)
        .merge(http_versions::router())
}

/// What the file in the body is.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CreateQuery {
    /// The dataset's name; it is made when there is none. Needed unless the body is JSON that names it.
    name: Option<String>,
    /// How the file is written; found out when absent.
    #[param(inline)]
    format: Option<DatasetFormat>,
    /// What the file is called.
    file: Option<String>,
}

/// Adds a version to a dataset
///
/// The body is a file: CSV (dialect and encoding are found out), JSON Lines, Parquet or Arrow IPC. The same bytes as the newest
/// version's are that version: 200. With JSON instead of a file, and without `name` in the query, the file is fetched from
/// an address or taken from a run. The answer tells the job that reads the file; what it finds is then with the version.
#[utoipa::path(
    post,
    path = "/datasets",
    operation_id = "createDataset",
    tag = "datasets",
    params(CreateQuery),
    request_body(content(
        (FileContent = "application/octet-stream"),
        (ImportDataset = "application/json")
    )),
    responses(
        (status = 200, body = StoredDataset, description = "The newest version has these bytes"),
        (status = 202, body = StoredDataset, description = "A new version, about to be read"),
        ProblemResponses
    )
)]
async fn create_dataset(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Query(query): Query<CreateQuery>,
    request: Request,
) -> ApiResult<Response> {
    if query.name.is_none() && is_json(request.headers()) {
        let Json(body) = Json::<ImportDataset>::from_request(request, &state).await?;
        let import = import(body)?;
        return Ok(added(Datasets::new(&state).import(&caller, &import).await?));
    }
    let mut faults = Faults::default();
    let name = checked_name(&mut faults, "name", query.name.as_deref().unwrap_or_default());
    let file = query.file.map(|file| file.trim().to_owned()).filter(|file| !file.is_empty());
    let short = file.as_ref().is_none_or(|file| model::name(file).is_ok());
    faults.check(short, "file", "must be a file's name of at most 200 characters");
    faults.finish()?;
    upload(&state, &caller, &name, file, query.format.map(Format::from), request).await
}

async fn upload(
    state: &TrackingState,
    caller: &Caller,
    name: &str,
    file: Option<String>,
    format: Option<Format>,
    request: Request,
) -> ApiResult<Response> {
    let upload = Upload::from_request(request, state).await?;
    let announced = upload.announced();
    Ok(added(Datasets::new(state).upload(caller, name, file, format, announced, upload.io_stream()).await?))
}

pub(super) fn added(added: Added) -> Response {
    let status = if added.fresh { StatusCode::ACCEPTED } else { StatusCode::OK };
    let etag = Etag::revision(added.dataset.revision);
    (status, etag, Json(StoredDataset::from((added.dataset, added.version)))).into_response()
}

fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn import(body: ImportDataset) -> ApiResult<Import> {
    let mut faults = Faults::default();
    let name = checked_name(&mut faults, "/name", &body.name);
    let format = body.format.map(Format::from);
    let from = match (body.url, body.artifact) {
        (Some(url), None) => match address(&url) {
            Ok(shown) => Some(Origin::Url { url, shown }),
            Err(why) => {
                faults.push("/url", why);
                None
            }
        },
        (None, Some(artifact)) => Some(Origin::Artifact { run_id: artifact.run_id, path: artifact.path }),
        _ => {
            faults.push("", "exactly one of url and artifact must say where the file is");
            None
        }
    };
    match (faults.finish(), from) {
        (Ok(()), Some(from)) => Ok(Import { name, format, from }),
        (Err(faults), _) => Err(faults),
        (Ok(()), None) => Err(rhiza_web::ApiError::internal("an import without an origin")),
    }
}

/// The address without what may be a secret, or why it is none.
fn address(text: &str) -> Result<String, &'static str> {
    /// Longer addresses are not given by people, and not taken by many servers.
    const LONGEST: usize = 8 * 1024;
    let mut url = Url::parse(text).map_err(|_| "is not an address")?;
    if text.len() > LONGEST || !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("must be an address that begins with http:// or https://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user's name or password: use an address that is signed, or public");
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url.into())
}

fn checked_name(faults: &mut Faults, pointer: &str, text: &str) -> String {
    model::name(text).unwrap_or_else(|why| {
        faults.push(pointer, why);
        String::new()
    })
}

/// Which datasets to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// A part of the name, whatever its case.
    q: Option<String>,
}

/// Lists the project's datasets, newest first, each with its newest version.
#[utoipa::path(
    get,
    path = "/datasets",
    operation_id = "listDatasets",
    tag = "datasets",
    params(ListQuery, PageQuery),
    responses((status = 200, body = Page<StoredDataset>), ProblemResponses)
)]
async fn list_datasets(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Query(query): Query<ListQuery>,
    page: PageQuery,
) -> ApiResult<Json<Page<StoredDataset>>> {
    let part = query.q.as_deref().filter(|part| !part.is_empty());
    let found = Datasets::new(&state).page(&caller, part, page.cursor()?, page.fetch()).await?;
    Ok(Json(Page::from_overfetch(found, &page, |(last, _)| last.id).map(StoredDataset::from)))
}

/// One dataset. Its `ETag` goes into the `If-Match` of a change.
#[utoipa::path(
    get,
    path = "/datasets/{dataset_id}",
    operation_id = "getDataset",
    tag = "datasets",
    params(("dataset_id" = String, Path, description = "The dataset's id")),
    responses((status = 200, body = StoredDataset), ProblemResponses)
)]
async fn get_dataset(
    State(state): State<TrackingState>,
    CanReadExperiments(caller): CanReadExperiments,
    Path(id): Path<DatasetId>,
) -> ApiResult<Response> {
    let found = Datasets::new(&state).get(&caller, id).await?;
    Ok((Etag::revision(found.0.revision), Json(StoredDataset::from(found))).into_response())
}

/// Changes a dataset's name or description. With `If-Match`, only if nobody else has since it was read.
#[utoipa::path(
    patch,
    path = "/datasets/{dataset_id}",
    operation_id = "updateDataset",
    tag = "datasets",
    params(
        ("dataset_id" = String, Path, description = "The dataset's id"),
        ("If-Match" = Option<String>, Header, description = "The ETag the dataset had when it was read")
    ),
    request_body = UpdateDataset,
    responses((status = 200, body = StoredDataset), ProblemResponses)
)]
async fn update_dataset(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Path(id): Path<DatasetId>,
    if_match: IfMatch,
    Json(body): Json<UpdateDataset>,
) -> ApiResult<Response> {
    let mut faults = Faults::default();
    let name = body.name.map(|name| checked_name(&mut faults, "/name", &name));
    let description = body.description.map(|text| text.trim().to_owned());
    let short = description.as_ref().is_none_or(|text| text.chars().count() <= model::DESCRIPTION_MAX);
    faults.check(short, "/description", "must have at most 10000 characters");
    faults.finish()?;
    let still_as_seen = |revision| if_match.require(&Etag::revision(revision)).is_ok();
    let change = DatasetChange { name, description };
    let found = Datasets::new(&state).update(&caller, id, change, still_as_seen).await?;
    Ok((Etag::revision(found.0.revision), Json(StoredDataset::from(found))).into_response())
}

/// Removes a dataset with all its versions. Runs keep what they noted of it.
#[utoipa::path(
    delete,
    path = "/datasets/{dataset_id}",
    operation_id = "deleteDataset",
    tag = "datasets",
    params(("dataset_id" = String, Path, description = "The dataset's id")),
    responses((status = 204, description = "Removed"), ProblemResponses)
)]
async fn delete_dataset(
    State(state): State<TrackingState>,
    CanWriteExperiments(caller): CanWriteExperiments,
    Path(id): Path<DatasetId>,
) -> ApiResult<StatusCode> {
    Datasets::new(&state).delete(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_without_its_secrets() {
        assert_eq!(address("https://h/a.csv?sig=s3cret#x"), Ok("https://h/a.csv".to_owned()));
        for bad in ["h/a.csv", "ftp://h/a.csv", "file:///etc/passwd", "https://", "https://u:p@h/a", "https://u@h/a"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
